"""openapi-typescript makes types of the platform's document; a program that uses them compiles in strict mode, and
places an order."""

import shutil
import subprocess

from .toolbox import HERE


def check(tools, platform, folder, options):
    home = folder / "typescript"
    shutil.copytree(HERE / "clients" / "typescript", home, dirs_exist_ok=True)
    types = home / "platform.d.ts"
    status, said = tools.run("openapi-typescript", platform.documents["platform"], "--output", types, cwd=home)
    assert status == 0, f"no types were made:\n{said[-2000:]}"
    status, said = tools.run("tsc", "--project", home, cwd=home)
    assert status == 0, f"the program does not compile:\n{said[-4000:]}"
    done = subprocess.run(
        ["node", home / "built" / "program.js"], env=platform.client_environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"the program failed:\n{done.stdout}{done.stderr}"
    return f"{len(types.read_text().splitlines())} lines of types, tsc --strict clean; {done.stdout.strip()}"


STEP = ("openapi-typescript", check)
