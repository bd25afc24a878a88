"""Two validators that share no code: openapi-spec-validator (Python) and @redocly/cli (JavaScript)."""

import json

from .toolbox import HERE


def spec_validator(tools, platform, folder, options):
    """Every document against the JSON Schema of OpenAPI 3.1, with all references resolved."""
    for name, path in platform.documents.items():
        version = json.loads(path.read_text())["openapi"]
        assert version.startswith("3.1"), f"{name} is OpenAPI {version}, not 3.1"
        status, said = tools.run("openapi-spec-validator", "--schema", "3.1", "--subschema-errors", "all", path)
        assert status == 0, f"{name} is not valid:\n{said[-4000:]}"
    return f"{len(platform.documents)} documents, 0 errors"


def redocly(tools, platform, folder, options):
    """Every document against the rules in `../redocly.yaml`; a warning fails too."""
    found = 0
    for name, path in platform.documents.items():
        arguments = ["lint", "--config", HERE / "redocly.yaml", "--format", "json", "--max-problems", "1000"]
        status, said = tools.run("redocly", *arguments, path, cwd=folder)
        start = said.find("{")
        assert start >= 0, f"redocly gave no report on {name} (exit status {status}):\n{said[-2000:]}"
        report, _ = json.JSONDecoder().raw_decode(said[start:])
        problems = report["problems"]
        assert status == 0 or problems, f"redocly ended with {status} on {name}:\n{said[-2000:]}"
        found += len(problems)
        for problem in problems[:20]:
            print(f"  {name}: {problem['severity']} {problem['ruleId']}: {line(problem)}")
    assert found == 0, f"{found} problems in {len(platform.documents)} documents"
    return f"{len(platform.documents)} documents, 0 errors, 0 warnings"


def line(problem):
    return f"{problem['message'].strip()} at {problem['location'][0].get('pointer', '?')}"


STEPS = [("openapi-spec-validator", spec_validator), ("redocly", redocly)]
