"""The most that a query may ask for, and the words in which more is refused."""

from dataclasses import dataclass
from typing import Final

from graphql import GraphQLError

BAD_INPUT: Final = "BAD_USER_INPUT"
PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"

_WORDS: Final = {
    "depth": ("is more than {} fields deep", "Follow fewer links at once, and ask on from where you arrive."),
    "aliases": ("has more than {} aliases", "Ask for many things by list, or in several requests."),
    "fields": ("selects more than {} fields", "Select fewer fields, or ask in several requests."),
    "directives": ("has more than {} directives", "Leave out what is not wanted instead of skipping it."),
    "introspection": ("asks for more than {} fields of the schema", "Ask once for the schema, and keep it."),
    "spreads": ("spreads more than {} fragments", "Put what is asked together into one fragment."),
    "definitions": ("defines more than {} operations and fragments", "Send what is to run, and nothing else."),
    "tokens": ("has more than {} tokens", "Pass long lists as variables, or ask in several requests."),
    "characters": ("is longer than {} characters", "Pass long values as variables, or ask in several requests."),
    "nesting": ("opens more than {} brackets within each other", "Nest less; pass deep values as variables."),
    "overlaps": ("repeats fields: more than {} pairs of one name at one place", "Select each field once."),
    "items": ("has a list of more than {} entries", "Ask for fewer at once, in several requests."),
}
_WORDS_OF_VARIABLES: Final = {
    "tokens": ("hold more than {} values", "Ask for fewer at once, in several requests."),
    "characters": ("hold more than {} characters", "Ask for fewer at once, in several requests."),
    "items": ("have a list of more than {} entries", "Ask for fewer at once, in several requests."),
}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The most that one document may ask for, over all of its operations, each fragment counted wherever it is spread.

    GraphiQL's introspection is 15 levels deep and selects 229 fields. `introspection` is the number of fields at and
    below `__schema` and `__type`; with 0 the schema is hidden, and errors suggest no names. `overlaps` are pairs of
    fields that answer to one name at one place: the standard rule on merging compares each pair, a few microseconds
    apiece, on the only event loop. Tokens, characters and items also bound the values, the text and every list of the
    variables.
    """

    depth: int = 20
    aliases: int = 100
    fields: int = 2_000
    directives: int = 50
    introspection: int = 300
    spreads: int = 500
    definitions: int = 200
    tokens: int = 5_000
    characters: int = 100_000
    overlaps: int = 10_000
    items: int = 1_000

    @property
    def nesting(self) -> int:
        """Brackets of all kinds within each other."""
        return 5 * self.depth


def refusal(what: str, limits: QueryLimits, code: str = VALIDATION_FAILED) -> GraphQLError:
    """Says which limit a query is over, and what to do about it."""
    limit = getattr(limits, what)
    if what == "introspection" and limit == 0:
        hint = "Take the schema from the operator: linegraph schema prints it."
        return GraphQLError(
            "The query asks for the schema, which is not shown here.", extensions={"code": code, "hint": hint}
        )
    message, hint = _WORDS[what]
    return GraphQLError(f"The query {message.format(f'{limit:,}')}.", extensions={"code": code, "hint": hint})


def refusal_of_variables(what: str, limits: QueryLimits) -> GraphQLError:
    """Says which limit the variables are over."""
    message, hint = _WORDS_OF_VARIABLES[what]
    return GraphQLError(
        f"The variables {message.format(f'{getattr(limits, what):,}')}.", extensions={"code": BAD_INPUT, "hint": hint}
    )
