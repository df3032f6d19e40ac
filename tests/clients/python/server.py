"""A server of its own for each class of tests: the program as users start it, on a free port, with settings from a file."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from pathlib import Path


class Server:
    def __init__(self, settings=""):
        self.program = os.environ["ARRWDB"]
        self.folder = Path(tempfile.mkdtemp(prefix="arrwdb-clients-"))
        (self.folder / "arrwdb.toml").write_text(settings)
        self.address = "127.0.0.1:0"
        self.again()

    def again(self):
        """Starts it on the same data, and the same port."""
        flags = [self.program, "serve", "--listen", self.address, "--log-level", "warn"]
        self.process = subprocess.Popen(flags, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        self.address = re.search(r"http://([^,]+),", line).group(1)

    @property
    def port(self):
        return int(self.address.split(":")[1])

    def end(self, by):
        """Sends a signal, and waits for the end; answers the exit code."""
        self.process.send_signal(by)
        self.process.stdout.close()
        return self.process.wait()

    def stop(self):
        assert self.end(signal.SIGTERM) == 0, "a server ends in order"
        shutil.rmtree(self.folder)

    def run(self, *words):
        """Runs a command of the program in the folder of the server, and answers what it prints."""
        return subprocess.check_output([self.program, *words], cwd=self.folder, text=True).strip()

    def _post(self, path, body):
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}{path}", json.dumps(body).encode(), headers)
        # Directly, whatever proxy the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as answer:
            return json.load(answer)

    async def post(self, path, body):
        return await asyncio.to_thread(self._post, path, body)

    async def api(self, method, body):
        """A call of a back end."""
        answer = await self.post(f"/api/{method}", body)
        assert "error" not in answer, answer
        return answer["result"]
