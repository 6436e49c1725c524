"""Hold the synthesised EventBridge patterns against every sample event, both ways.

Usage: python match_events.py EVENTS_FOLDER TEMPLATE...

The matcher is moto's: it agrees with AWS's own rule engine, and nothing else here uses it. For each
event of which the expected rules are known (`rules` in expected.json), exactly those of them that a
template deploys must match; and each rule of a template must match some event, and not some other.
The templates must be about `/my-erp`, as the events are.
"""

import json
import sys
from pathlib import Path

from moto.events.models import EventPattern, EventPatternParser

USAGE = "usage: python match_events.py EVENTS_FOLDER TEMPLATE..."


def main() -> int:
    if len(sys.argv) < 3:
        print(USAGE, file=sys.stderr)
        return 2
    events = dict(read_events(Path(sys.argv[1])))
    if not events:
        print(f"{sys.argv[1]} holds no event with an expected.json that lists its rules", file=sys.stderr)
        return 1
    known = {name for _, expected in events.values() for name in expected}
    problems = []
    seen = set()
    for path in map(Path, sys.argv[2:]):
        rules = dict(read_rules(path))
        if not rules:
            problems.append(f"{path}: no rule")
        seen |= rules.keys()
        for rule, pattern in rules.items():
            matched = {case for case, (event, _) in events.items() if matches(pattern, event)}
            wanted = {case for case, (_, names) in events.items() if rule in names}
            problems += [f"{path.name}: {rule} does not match {case}" for case in sorted(wanted - matched)]
            problems += [f"{path.name}: {rule} matches {case}" for case in sorted(matched - wanted)]
            if not matched:
                problems.append(f"{path.name}: {rule} matches no event at all")
            if len(matched) == len(events):
                problems.append(f"{path.name}: {rule} matches every event")
    problems += [f"no template has the rule {name}, which an event expects" for name in sorted(known - seen)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(events)} events against the rules of {len(sys.argv) - 2} templates: {len(problems)} problems")
    return 1 if problems else 0


def read_events(folder: Path):
    """Name, event and expected rules of each case; what is no JSON object never reaches a bus."""
    for path in sorted(folder.rglob("expected.json")):
        expected = json.loads(path.read_text())
        if "rules" not in expected:
            continue
        try:
            event = json.loads(path.with_name("event.json").read_text())
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            yield str(path.parent.relative_to(folder)), (event, expected["rules"])
        elif expected["rules"]:
            sys.exit(f"{path} expects rules for an event that is no JSON object")


def read_rules(template: Path):
    """Name, as in event-rules.json, and pattern of each rule."""
    resources = json.loads(template.read_text())["Resources"]
    for resource in resources.values():
        if resource["Type"] == "AWS::Events::Rule":
            properties = resource["Properties"]
            # The stack's name comes first, and holds no hyphen in these templates.
            yield properties["Name"].split("-", 1)[1], properties["EventPattern"]


def matches(pattern: dict, event: dict) -> bool:
    text = json.dumps(pattern)
    try:
        return EventPattern(text, EventPatternParser(text).parse()).matches_event(event)
    except (TypeError, AttributeError):
        # The matcher stumbles over shapes that no rule can match, such as a detail that is text.
        return False


if __name__ == "__main__":
    sys.exit(main())
