"""What each name of the schema means, in a sentence, where the code that makes it leaves that to this list."""

from collections.abc import Mapping
from types import MappingProxyType

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

EVERYWHERE: Mapping[str, str] = MappingProxyType({
    "after": "The cursor at which the page before this one ended.",
    "attributes": "Whatever the model file says of it, as it is written there.",
    "by": "Steps by the clocks of the plant.",
    "code": "What readings call it: letters, digits, - and _.",
    "cursor": "Where this entry stands: hand it back as `after` to go on behind it.",
    "description": "What the model file says of it.",
    "displayName": "What people call it.",
    "edges": "The entries of this page.",
    "endCursor": "Hand it back as `after` to get the next page.",
    "ends": "Where each step ends, in milliseconds since 1970 UTC; the end is not a part of it.",
    "every": "Fixed steps of this width.",
    "finality": "Whether each number may still change.",
    "first": "So many at most.",
    "hasNextPage": "Whether there is more behind this page.",
    "line": "The line on which it stands.",
    "machine": "The machine that it belongs to; null where it is not mapped.",
    "machines": "All machines below, line by line, in the order of material flow.",
    "name": "What people call it; the code, where nobody has said.",
    "node": "The entry itself.",
    "pageInfo": "Where this page lies in the list.",
    "plant": "The plant in which it stands.",
    "quality": "The class of its status: good, uncertain or bad.",
    "range": "From when to when.",
    "starts": "Where each step starts, in milliseconds since 1970 UTC: its label.",
    "time": "When it was measured.",
    "times": "When each was measured, in milliseconds since 1970 UTC.",
    "totalCount": "How many there are on all pages.",
    "unit": "The unit of the values, as a UCUM code; null where nobody has said it.",
    "values": "One for each time; codes where it is a state, null where there is no value.",
})  # fmt: skip
"""By the name of a field, an argument or a field of an input."""

HERE: Mapping[str, str] = MappingProxyType({
    "AlignedSeries.series": "The series itself, at its own times.",
    "Buckets.average": "Of good and uncertain readings; null for a state.",
    "Buckets.first": "The first good or uncertain reading of each bucket.",
    "Buckets.last": "The last good or uncertain reading of each bucket.",
    "Buckets.maximum": "The highest good or uncertain reading of each bucket.",
    "Buckets.minimum": "The lowest good or uncertain reading of each bucket.",
    "CalendarStep.DAY": "From midnight to midnight: 23 or 25 hours when the clocks change.",
    "CalendarStep.HOUR": "Of the plant's clocks.",
    "CalendarStep.MONTH": "Of the calendar.",
    "CalendarStep.PRODUCTION_DAY": "From when the plant's production day starts.",
    "CalendarStep.WEEK": "From Monday to Monday.",
    "CounterEvent.after": "What the counter showed then.",
    "CounterEvent.before": "What the counter showed in the reading before.",
    "CounterEvent.kind": "What the fall is taken for.",
    "CounterEvent.time": "When the counter was lower for the first time.",
    "CounterEventKind.DIP": "It went back by no more than the tolerance.",
    "CounterEventKind.RESET": "It began again from its base.",
    "CounterEventKind.ROLLOVER": "It went round at the modulus.",
    "CounterOverrule.at": "When it was said.",
    "CounterOverrule.base": "What the counter began again from, in the unit of the answer.",
    "CounterOverrule.note": "Why, in somebody's own words.",
    "CounterOverrule.verdict": "What the event really was.",
    "CounterVerdict.BASE": "It began again from another base than zero.",
    "CounterVerdict.NOT_A_RESET": "The counter really went back.",
    "CounterVerdict.REPLACED": "A new device counts; its first value is nothing that was produced.",
    "Derivation.formula": "As the model file has it.",
    "Fill.LINEAR": "The averages of empty buckets lie on the line between their neighbours'.",
    "Fill.NONE": "Empty buckets are left out.",
    "Fill.NULLS": "Empty buckets are there, with null.",
    "Fill.PREVIOUS": "Empty buckets have the last value before them.",
    "Finality.FINAL": "It is over, and no number in it has changed since.",
    "Finality.PROVISIONAL": "It is not over, or a change in it is being worked in.",
    "Finality.REVISED": "It was final, and a number in it has changed since.",
    "Kpi.inputs": "What the values were computed from, in the order of the formula.",
    "Kpi.name": "As the model file has it.",
    "KpiDefinition.formula": "As the model file has it.",
    "KpiDefinition.name": "As the model file has it.",
    "Label.code": "The value of a reading.",
    "Label.text": "What it stands for.",
    "Line.aligned(metrics)": "The names of metrics.",
    "Line.machines": "In the order of material flow.",
    "Machine.series(metrics)": "The names of metrics; all of them, if it is left out.",
    "Machine.type": "What it has in common with machines of its kind; null where nobody has said.",
    "MachineConnection": "A page of machines.",
    "MachineEdge": "A machine on a page.",
    "MachineFilter.line": "The code of a line.",
    "MachineFilter.plant": "The code of a plant.",
    "MachineFilter.search": "A piece of a path or a name, in capitals or not.",
    "MachineFilter.type": "The name of a machine type.",
    "MachineType.metrics": "What machines of this type measure, by name.",
    "MachineType.name": "As the model file has it.",
    "Metric.kind": "How its values are to be read.",
    "Metric.name": "What readings call it.",
    "MetricKind.COUNTER": "It grows until it resets: what counts is its increase.",
    "MetricKind.GAUGE": "It goes up and down.",
    "MetricKind.STATE": "A code with a label; it has no average.",
    "Mutation.overruleCounterEvent(base)": "What the counter began again from, in the unit of the series: for BASE.",
    "Mutation.overruleCounterEvent(note)": "Why; it stays listed.",
    "Mutation.overruleCounterEvent(series)": "The id of a series.",
    "Mutation.overruleCounterEvent(time)": "The time of the event, as `counterEvents` has it.",
    "Mutation.overruleCounterEvent(verdict)": "What the event really was.",
    "PageInfo.hasPreviousPage": "Whether there is something before this page.",
    "PageInfo.startCursor": "The cursor of the first entry.",
    "Plant.lines": "In the order in which they were made known.",
    "Plant.path": "The code, as it begins the paths of lines and machines.",
    "PlantConnection": "A page of plants.",
    "PlantEdge": "A plant on a page.",
    "Plot.values": "One for each time; null where the line is to break, because nothing was read for too long.",
    "Quality.BAD": "Not to be used: counted, and part of no average.",
    "Quality.GOOD": "To be trusted.",
    "Quality.UNCERTAIN": "To be used with care: part of every average.",
    "Query.line(path)": "plant/line, by their codes.",
    "Query.machine(path)": "plant/line/machine, by their codes.",
    "Query.machines": "Machines by path, page by page.",
    "Query.machines(filter)": "Which machines; all of them, if it is left out.",
    "Query.node": "Whatever has this id; null where there is nothing that you may see.",
    "Query.node(id)": "An id from an earlier answer.",
    "Query.nodes": "Whatever has these ids, in the order asked.",
    "Query.nodes(ids)": "Ids from earlier answers.",
    "Query.plant": "By code; null where there is none that you may see.",
    "Query.plant(code)": "The code of a plant.",
    "Query.plants": "Plants by code, page by page.",
    "Query.series(ids)": "Ids from earlier answers.",
    "Query.unmappedSeries(search)": "A piece of the source's name, in capitals or not.",
    "Range.from": "The start, which is included.",
    "Range.last": "Up to now, in place of the two others.",
    "Range.to": "The end, which is not included; now, if it is left out.",
    "Reading.value": "The code, where it is a state; null where a bad reading has no value.",
    "Readings.statuses": "The full 32-bit OPC UA status code of each; 0 is good.",
    "Series.buckets(fill)": "What stands for buckets without a reading.",
    "Series.labels": "What the codes of a state stand for.",
    "Series.latest": "The newest reading; null where there is none.",
    "Series.metric": "What is measured; null where it is not mapped.",
    "Series.plot(points)": "The most columns: as many as the chart has pixels.",
    "SeriesConnection": "A page of series.",
    "SeriesEdge": "A series on a page.",
})  # fmt: skip
"""Of one place: `Type`, `Type.field`, `Type.field(argument)` or `Enum.VALUE`."""


def explain(schema: GraphQLSchema) -> None:
    """Gives a description to whatever has none."""
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        kind.description = kind.description or HERE.get(name)
        if isinstance(kind, GraphQLEnumType):
            for value, its in kind.values.items():
                its.description = its.description or HERE.get(f"{name}.{value}")
        elif isinstance(kind, GraphQLInputObjectType):
            for field, given in kind.fields.items():
                given.description = given.description or _meaning(f"{name}.{field}", field)
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, answer in kind.fields.items():
                answer.description = answer.description or _meaning(f"{name}.{field}", field)
                for argument, taken in answer.args.items():
                    taken.description = taken.description or _meaning(f"{name}.{field}({argument})", argument)


def _meaning(place: str, name: str) -> str | None:
    return HERE.get(place) or EVERYWHERE.get(name)
