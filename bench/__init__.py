"""How fast Linegraph is: each figure beside a reference that is measured in the same run, on every engine there is."""
