"""schemathesis against the running gateway, as an administrator and as a customer."""

import json

from . import seed
from .toolbox import HERE

CUSTOMER = ("fuzz-customer@example.com", "correct horse battery staple")


def as_admin(tools, platform, folder, options):
    return fuzz(tools, platform, folder, options, "admin", platform.admin, options.seconds * 3 // 4)


def as_customer(tools, platform, folder, options):
    credentials = platform.register(*CUSTOMER)
    return fuzz(tools, platform, folder, options, "customer", credentials, options.seconds // 4)


def fuzz(tools, platform, folder, options, role, credentials, seconds):
    """Every case that the document's own values and limits suggest, however long that takes; then, for some time, what
    chance and the links between operations bring."""
    home = folder / f"schemathesis-{role}"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "schemathesis.toml"
    known = seed.configuration(seed.dictionaries(platform, credentials, role == "admin"))
    settings.write_text((HERE / "schemathesis.toml").read_text() + "\n" + known)
    environment = {
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE / "steps"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SHOAL_GATEWAY": platform.gateway,
        "SHOAL_EMAIL": credentials["email"],
        "SHOAL_PASSWORD": credentials["password"],
    }

    def run(phases, *more):
        report = home / f"{phases.replace(',', '-')}.json"
        report.unlink(missing_ok=True)
        arguments = ["--config-file", settings, "run", platform.documents["platform"], "--url", platform.gateway]
        arguments += ["--phases", phases, "--seed", options.seed, "--no-color", *more]
        arguments += ["--report", "json", "--report-json-path", report]
        status, said = tools.run("schemathesis", *arguments, cwd=home, env=environment, timeout=1200)
        report.with_suffix(".txt").write_text(said)
        assert report.exists(), f"schemathesis gave no report (exit status {status}):\n{said[-3000:]}"
        return status, said, json.loads(report.read_text())

    systematic = run("examples,coverage")
    random = run("fuzzing,stateful", "--max-time", max(seconds, 1))
    tested = systematic[2]["operations"]
    cases = sum(found["test_cases"]["generated"] for _, _, found in (systematic, random))
    failures = sum(found["test_cases"]["unique_failures"] for _, _, found in (systematic, random))
    counts = (
        f"{tested['tested']} of {tested['total']} operations, {cases} cases, {failures} failures, seed {options.seed}"
    )
    for status, said, found in (systematic, random):
        if status != 0:
            print(excerpt(said), flush=True)
            kinds = "".join(f"\n  {f['count']} x {f['title']}: {', '.join(f['operations'][:8])}" for f in found["failures"])
            raise AssertionError(f"{counts}{kinds}")
    assert tested["tested"] == tested["total"], f"{counts}: not every operation was tested"
    return counts


def excerpt(said):
    """The failures, without the advice around them."""
    start = max(said.find("= FAILURES ="), said.find("= ERRORS ="), 0)
    return said[start:][:12_000]


STEPS = [("schemathesis as an administrator", as_admin), ("schemathesis as a customer", as_customer)]
