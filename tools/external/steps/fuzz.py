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
    home = folder / f"schemathesis-{role}"
    home.mkdir(parents=True, exist_ok=True)
    report = home / "report.json"
    settings = home / "schemathesis.toml"
    known = seed.configuration(seed.dictionaries(platform, credentials, role == "admin"))
    settings.write_text((HERE / "schemathesis.toml").read_text() + "\n" + known)
    arguments = ["--config-file", settings, "run", platform.documents["platform"]]
    arguments += ["--url", platform.gateway, "--seed", options.seed, "--max-time", max(seconds, 1)]
    arguments += ["--report", "json", "--report-json-path", report, "--no-color"]
    environment = {
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE / "steps"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SHOAL_GATEWAY": platform.gateway,
        "SHOAL_EMAIL": credentials["email"],
        "SHOAL_PASSWORD": credentials["password"],
    }
    status, said = tools.run("schemathesis", *arguments, cwd=home, env=environment, timeout=seconds * 2 + 120)
    (home / "output.txt").write_text(said)
    assert report.exists(), f"schemathesis gave no report (exit status {status}):\n{said[-3000:]}"
    found = json.loads(report.read_text())
    operations, cases = found["operations"], found["test_cases"]
    counts = (
        f"{operations['tested']} of {operations['total']} operations, {cases['generated']} cases, "
        f"{cases['unique_failures']} failures, {cases['errored']} errors, seed {found['seed']}"
    )
    kinds = "".join(f"\n  {f['count']} x {f['title']}: {', '.join(f['operations'][:8])}" for f in found["failures"])
    if status != 0:
        print(excerpt(said), flush=True)
    assert status == 0, f"{counts}{kinds}"
    assert operations["tested"] == operations["total"], f"{counts}: not every operation was tested"
    return counts


def excerpt(said):
    """The failures, without the advice around them."""
    start = max(said.find("= FAILURES ="), said.find("= ERRORS ="), 0)
    return said[start:][:12_000]


STEPS = [("schemathesis as an administrator", as_admin), ("schemathesis as a customer", as_customer)]
