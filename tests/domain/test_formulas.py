"""Formulas: what may stand in them, what is refused with its place, and that nothing else ever happens."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.formulas import (
    DEEPEST,
    LONGEST,
    Elapsed,
    Function,
    Named,
    Number,
    Operation,
    Operator,
    Term,
    names,
    parse,
)
from app.errors import BadInput


def named(name: str, at: int, function: Function | None = None) -> Named:
    return Named(name, function, at)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("good", named("good", 1)),
        ("process.good", named("process.good", 1)),
        ('"spindle-load, %"', named("spindle-load, %", 1)),
        ("'a' 'b'", named("ab", 1)),
        ('"a\\d"', named("a\\d", 1)),
        ("ﬁ", named("ﬁ", 1)),
        ("µm", named("µm", 1)),
        ("größe.é", named("größe.é", 1)),
        ("count", named("count", 1)),
        ("yield", named("yield", 1)),
        ("(yield)", named("yield", 2)),
        ("a.in.None", named("a.in.None", 1)),
        ("'in \"and\" or'", named('in "and" or', 1)),
        ("a.__class__", named("a.__class__", 1)),
        ("2.5e3", Number(2_500.0)),
        ("-3", Number(-3.0)),
        ("duration()", Elapsed()),
        ("sum(a.b)", named("a.b", 5, Function.SUM)),
        ('last("x y")', named("x y", 6, Function.LAST)),
        ("-a", Operation(Operator.MULTIPLY, Number(-1.0), named("a", 2), 2)),
        ("good / total", Operation(Operator.DIVIDE, named("good", 1), named("total", 8), 8)),
        ("\n é\n *  b\t", Operation(Operator.MULTIPLY, named("é", 3), named("b", 9), 9)),
        ("a-b-c", Operation(Operator.SUBTRACT, Operation(Operator.SUBTRACT, named("a", 1), named("b", 3), 3),
                            named("c", 5), 5)),
        ("a+(b)*c", Operation(Operator.ADD, named("a", 1),
                              Operation(Operator.MULTIPLY, named("b", 4), named("c", 7), 7), 3)),
    ],
)  # fmt: skip
def test_a_formula_is_numbers_names_aggregates_and_four_operations(text: str, tree: Term) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize("function", [each for each in Function if each is not Function.DURATION])
def test_every_aggregate_is_of_one_metric(function: Function) -> None:
    assert parse(f"{function.value}(x)") == named("x", len(function.value) + 2, function)


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        ("", "The formula is empty.", "good / total"),
        (" \n\t ", "The formula is empty.", "good / total"),
        ("__import__('os')", "has an aggregate that is not known (at character 1): \"__import__('os')\"", "increase"),
        ("__import__('os').system('x')", "holds something other than", "good / total"),
        ("().__class__", "has no name (at character 1)", "quotes"),
        ("good.__class__.__bases__[0]", "holds something other than", "good / total"),
        ("a + good.real()", "at character 5", "good / total"),
        ("9**9**9", "holds something other than numbers, names, aggregates and + - * / (at character 1)", ""),
        ("a // b", "(at character 1): 'a // b'", ""),
        ("a % b", "something other", ""),
        ("lambda: 1", "cannot be read", ""),
        ("[x for x in y]", "cannot be read", ""),
        ("{x: 1}", "something other", ""),
        ("(a, b)", "something other", ""),
        ("a if b else c", "cannot be read", ""),
        ("a and b", "cannot be read", ""),
        ("a < b", "something other", ""),
        ("not a", "cannot be read", ""),
        ("+a", "something other", ""),
        ("~a", "something other", ""),
        ("f'{a}'", "something other", ""),
        ("b'a'", "something other", ""),
        ("1j", "something other", ""),
        ("...", "something other", ""),
        ("await a", "cannot be read", ""),
        ("(a := 1)", "something other", ""),
        ("a; b", "cannot be read (at character 2)", "good / total"),
        ("a b", "cannot be read (at character", ""),
        ("good / ", "cannot be read (at character", ""),
        ("  good +* total", "cannot be read (at character", ""),
        ("(a", "cannot be read (at character 1)", ""),
        ("a = 1", "cannot be read", ""),
        ("import os", "cannot be read", ""),
        ("a # b", "has a comment (at character 3): '# b'", "description"),
        ("(a) # b", "has a comment (at character 5)", "description"),
        ("a . b", "has no name (at character 1): 'a . b'", "quotes"),
        ("(a).b", "has no name", "quotes"),
        ('"a".b', "has no name", "quotes"),
        ('"a\\0b"', "has no name", ""),
        ('"\\ud800"', "has no name", ""),
        ("a\0b", "cannot be read", ""),
        ("\ud800", "cannot be read", ""),
        ("total(a)", "has an aggregate that is not known (at character 1): 'total(a)'", "average"),
        ("1 / summ(a)", "not known (at character 5)", "Did you mean sum?"),
        ("sum()", "gives sum() other than one metric (at character 1)", "sum(good)"),
        ("sum(a, b)", "other than one metric", ""),
        ("sum(a + b)", "has no name (at character 5)", ""),
        ("sum(sum(a))", "has no name (at character 5)", ""),
        ("sum(1)", "has no name (at character 5)", ""),
        ("sum(*a)", "has no name", ""),
        ("sum(a=1)", "something other", ""),
        ("sum(**a)", "something other", ""),
        ("duration(a)", "gives duration() something (at character 1)", "empty"),
        ("1e999", "has a number that is too large (at character 1)", "1e308"),
        ("a * " + "9" * 400, "has a number that is too large (at character 5)", "1e308"),
        ("(" * 5_000 + "a" + ")" * 5_000, "has 10,001 characters", f"{LONGEST:,}"),
        ("(" * 900 + "a" + ")" * 900, "cannot be read", ""),
        ("-" * 1_900 + "a", f"nests more than {DEEPEST} deep", "shorter"),
        ("a" + "+a" * 900, f"nests more than {DEEPEST} deep", "shorter"),
        ("a" + ".a" * 990, "", ""),
        ("sum(" * 390 + "a" + ")" * 390, "cannot be read", ""),
    ],
)  # fmt: skip
def test_whatever_else_there_may_be_is_refused_with_its_place(text: str, sentence: str, hint: str) -> None:
    if not sentence:
        assert parse(text) == named(text, 1)
        return
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert sentence in caught.value.message
    assert hint in str(caught.value.hint)
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()


def test_names_are_those_of_metrics_and_kpis_wherever_they_stand() -> None:
    assert names(parse('a / (b.c - sum("d e")) * duration() + 3 * a')) == {"a", "b.c", "d e"}


_PIECES = st.sampled_from(
    ["a", "b.c", '"d"', "'", '"', "(", ")", "+", "-", "*", "/", "**", ".", ",", " ", "\n", "\\", "#", "1", "1e9", "0x",
     "sum", "sum(a)", "duration()", "lambda", ":", "=", "[", "]", "{", "}", "\0", "é", "ﬁ", "\ud800", "if", "for", "f'"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.lists(_PIECES, max_size=25).map("".join))
def test_any_text_is_a_formula_or_bad_input(text: str) -> None:
    try:
        found = names(parse(text))
    except BadInput as error:
        told = error
    else:
        assert not any(re.search(r"[\x00\ud800-\udfff]", name) for name in found)
        return
    assert told.message.startswith("The formula ")
    assert told.hint
