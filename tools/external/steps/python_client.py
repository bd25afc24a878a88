"""openapi-python-client makes a client of the platform's document; all of it can be imported, and it places an order."""

import shutil

from .toolbox import HERE


def check(tools, platform, folder, options):
    home = folder / "python"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(HERE / "clients" / "python", home)
    package = home / "shoal_client"
    arguments = ["generate", "--path", platform.documents["platform"], "--output-path", package, "--meta", "none"]
    status, said = tools.run("openapi-python-client", *arguments, "--fail-on-warning", cwd=home)
    assert status == 0, f"no client was made:\n{said[-4000:]}"
    status, said = tools.run("python", home / "program.py", cwd=home, env=platform.client_environment())
    assert status == 0, f"the program failed:\n{said[-4000:]}"
    return said.strip().splitlines()[-1]


STEP = ("openapi-python-client", check)
