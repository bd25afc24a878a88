"""The platform under test: embedded stores, free ports, limits high enough that the checks see the services and not
the throttle."""

import json
import os
import selectors
import subprocess
import time
import urllib.request
from pathlib import Path

from . import Impossible

START_S = 90
STOP_S = 30

SETTINGS = {
    "gateway": "[rate_limit]\nper_user = 1000000\nper_address = 1000000\nburst_s = 60\n",
    # Cheap hashes and no locks: the checks register and log in hundreds of times.
    "auth": """
[tokens]
verification_pause_s = 0
[password_hash]
memory_kib = 64
iterations = 1
[throttle.account]
free_attempts = 4000000000
[throttle.address]
free_attempts = 4000000000
""",
    # Endpoints that a generator thinks of are nobody's to call.
    "billing": "[webhook]\nconnect_timeout_ms = 1\n",
    "notification": "[webhook]\nconnect_timeout_ms = 1\n",
}


class Platform:
    def __init__(self, program, folder, database_url=None):
        self.program, self.folder, self.database_url = Path(program).resolve(), folder, database_url

    def __enter__(self):
        settings = self.folder / "settings"
        settings.mkdir(parents=True, exist_ok=True)
        for service, text in SETTINGS.items():
            (settings / f"{service}.toml").write_text(text)
        self.log = self.folder / "log.txt"
        command = [self.program, "--port", "0", "--json", "--data-dir", self.folder / "data", "--config-dir", settings]
        if self.database_url:
            command += ["--database-url", self.database_url]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            facts = json.loads(self.first_line())
        except BaseException:
            self.__exit__()
            raise
        self.gateway = f"http://{facts['gateway']}"
        self.services = {name: f"http://{address}" for name, address in facts["services"].items()}
        self.product = facts["product"]
        self.admin = {
            "email": facts["admin"]["email"],
            "password": Path(facts["admin"]["password_file"]).read_text().strip(),
        }
        return self

    def first_line(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            line = self.process.stdout.readline() if selector.select(START_S) else ""
        if not line:
            raise Impossible(f"the platform did not start:\n{self.log.read_text()[-2000:]}")
        return line

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def save_documents(self, folder):
        """The document of each service, of the gateway, and of all together."""
        folder.mkdir(parents=True, exist_ok=True)
        addresses = {name: f"{base}/openapi.json" for name, base in self.services.items()}
        addresses["gateway"] = f"{self.gateway}/openapi.json"
        addresses["platform"] = f"{self.gateway}/docs/openapi.json"
        self.documents = {}
        for name, address in addresses.items():
            with urllib.request.urlopen(address, timeout=10) as answer:
                text = answer.read()
            self.documents[name] = folder / f"{name}.json"
            self.documents[name].write_bytes(text)

    def register(self, email, password):
        """Makes an account, for the steps that act as a customer."""
        body = json.dumps({"email": email, "password": password}).encode()
        request = urllib.request.Request(
            f"{self.gateway}/auth/v1/register", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10):
            return {"email": email, "password": password}

    def client_environment(self):
        """What the small programs of `../clients` are told."""
        return {**os.environ, "SHOAL_GATEWAY": self.gateway, "SHOAL_PRODUCT": self.product, "SHOAL_RUN": str(time.time_ns())}
