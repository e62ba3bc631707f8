"""What is true of any plant: pure rules on frozen values, no I/O, no clock, no SQL."""
