"""Settings: what cannot be read is refused at the start, with what to write instead."""

import re

import pytest

from app.errors import SettingInvalid
from app.settings import Settings, read_settings

ROWS_BY_ROLE = "Write viewer=2000000,operator=2000000; the other roles are engineer and admin."
REFUSED = {
    ("PORT", "abc"): "Write a whole number from 0 to 65535.",
    ("PORT", "65536"): "Write a whole number from 0 to 65535.",
    ("POOL", "0"): "Write a whole number from 1 on.",
    ("QUERY_INTROSPECTION", "-1"): "Write a whole number from 0 on.",
    ("LABELS", "1.5"): "Write a whole number from 1 on.",
    ("CREATE", "ja"): "Write true or false.",
    ("TIME_ZONE", "Berlin"): "Write the IANA name of a time zone, such as Europe/Berlin or America/Detroit.",
    ("TIME_ZONE", "CEST"): "Write the IANA name of a time zone, such as Europe/Berlin or America/Detroit.",
    ("TIME_ZONE", "europe/berlin"): "Write the IANA name of a time zone, such as Europe/Berlin or America/Detroit.",
    ("TIME_ZONE", "localtime"): "Write the IANA name of a time zone, such as Europe/Berlin or America/Detroit.",
    ("TIME_ZONE", "../etc/passwd"): "Write the IANA name of a time zone, such as Europe/Berlin or America/Detroit.",
    ("TIME_ZONE", "/usr/share/zoneinfo/UTC"): "Write the IANA name of a time zone, such as Europe/Berlin or America/"
    "Detroit.",
    ("AHEAD", "5 minutes"): "Write an ISO 8601 duration such as PT30S or P1D.",
    ("AHEAD", "P1M"): "Write an ISO 8601 duration such as PT30S or P1D.",
    ("AHEAD", "PT0S"): "Write an ISO 8601 duration such as PT30S or P1D.",
    ("AHEAD", "P99999999999D"): "Write an ISO 8601 duration such as PT30S or P1D.",
    ("EARLIEST", "yesterday"): "Write a time with its offset, such as 1970-01-01T00:00:00Z.",
    ("EARLIEST", "2000-01-01T00:00:00"): "Write a time with its offset, such as 1970-01-01T00:00:00Z.",
    ("QUERY_ROWS_BY_ROLE", "1000"): ROWS_BY_ROLE,
    ("QUERY_ROWS_BY_ROLE", "viewer=0"): ROWS_BY_ROLE,
    ("QUERY_ROWS_BY_ROLE", "writer=9"): ROWS_BY_ROLE,
    ("LOG_LEVEL", "LOUD"): "Write DEBUG, INFO, WARNING or ERROR.",
}


@pytest.mark.parametrize(("given", "hint"), REFUSED.items(), ids=lambda value: str(value)[:40])
def test_what_cannot_be_read_is_told_without_a_word_of_python(given: tuple[str, str], hint: str) -> None:
    name, text = given
    with pytest.raises(SettingInvalid) as refused:
        read_settings({f"LINEGRAPH_{name}": text})
    assert str(refused.value) == f"LINEGRAPH_{name}={text!r} cannot be read. {hint}"
    assert not re.search("`|Expected|Error", str(refused.value))


def test_what_can_be_read_is_taken() -> None:
    said = {
        "PORT": "8001", "CREATE": "false", "TIME_ZONE": "America/Indiana/Indianapolis", "LOG_LEVEL": "debug",
        "EARLIEST": "1950-01-01T00:00:00+01:00", "POOL": "", "AHEAD": "PT5M",
        "QUERY_ROWS_BY_ROLE": "viewer=10, admin=1000",
    }  # fmt: skip
    settings = read_settings({f"LINEGRAPH_{name}": text for name, text in said.items()} | {"PATH": "/bin"})
    assert (settings.port, settings.create, settings.pool) == (8001, False, Settings().pool)
    assert settings.query_rows_by_role == {"viewer": 10, "admin": 1_000}
    assert settings.time_zone == "America/Indiana/Indianapolis"
    assert settings.earliest.isoformat() == "1950-01-01T00:00:00+01:00"
