"""Variables that decide what is asked of the catalog, and those that only readings look at."""

import graphql
import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode

from app.observe import Observer
from schema.answering import LinegraphSchema, build_schema
from schema.documents import DocumentCache
from schema.lasting_variables import catalog_variables
from schema.limits import QueryLimits

CASES = {
    "{plants {edges {node {code}}}}": "",
    'query ($p: String!) {machine(path: $p) {name series {plot(range: {last: "PT1H"}) {times}}}}': "p",
    """query ($p: String!, $r: Range!, $n: Int!) {
      machine(path: $p) {series {plot(range: $r, points: $n) {times}}}}""": "p",
    """query ($m: [String!], $r: Range!, $q: Boolean!) {machine(path: "a/b/c") {series(metrics: $m) {
      ...Curve latest @include(if: $q) {time}}}} fragment Curve on Series {buckets(range: $r, every: "PT1M") {
      starts average @skip(if: $q)}}""": "m q",
    """query ($f: Int, $x: Boolean!, $y: Boolean!, $z: Boolean!) {
      ...Page @skip(if: $x) ... on Query @include(if: $y) {machines(first: $f) {totalCount}}
      ... {metrics @skip(if: $z) {name}}
    } fragment Page on Query {plants(first: $f) {totalCount}}""": "f x y z",
    """query ($s: String, $t: String, $u: String) {
      machines(filter: {plant: $s, search: $t}) {totalCount} unmappedSeries(search: $u) {totalCount}}""": "s t",
    """query ($id: ID!, $r: Range!) {
      node(id: $id) {... on Series {readings(range: $r) {times}} ... on Machine {name}}}""": "id",
    "query A($a: Boolean!) @include(if: $a) {plants {totalCount}}": "a",
    "query ($n: String!) {machines {edges {node {kpi(name: $n, range: {last: \"P1D\"}) {value}}}}}": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> LinegraphSchema:
    return build_schema(QueryLimits(), DocumentCache(), Observer())


@pytest.mark.parametrize("text", CASES)
def test_only_what_catalog_fields_look_at_decides(schema: LinegraphSchema, text: str) -> None:
    definitions = graphql.parse(text).definitions
    [operation] = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
    assert catalog_variables(schema._schema, operation, fragments) == set(CASES[text].split())
