"""A stand-in for a Hugging Face hub on this machine: what loading and uploading need of it, and its bad days."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

COMMIT = "5" * 40
TOKEN = "hf_of_the_owner"  # who has it may write
LARGE = (".parquet", ".safetensors", ".bin")  # what a hub keeps as large files, known by their SHA-256


class Hub:
    """Repositories below a folder: `datasets/owner/name/…` and `models/owner/name/…`; `plain/…` for addresses."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[str] = []
        self.faults: dict[str, list[str]] = {}  # by end of a path: what goes wrong at its next requests, in order
        self.url = ""
        self.large: dict[str, bytes] = {}  # by their SHA-256, what came by itself and no commit has named yet

    def fault(self, path: str) -> str | None:
        """What goes wrong with this request, if anything does."""
        for ending, waiting in self.faults.items():
            if path.endswith(ending) and waiting:
                return waiting.pop(0)
        return None

    def repository(self, kind: str, name: str) -> Path:
        return self.root / kind / name

    def take(self, parts: list[str], lines: list[Any], account: str | None) -> tuple[dict[str, Any], int]:
        """What an upload is answered: a new repository, how to send each file, and the commit."""
        if account != f"Bearer {TOKEN}":
            return {"error": "Invalid username or password."}, 401
        asked, what = lines[0], parts[-1]
        if what == "validate-yaml":
            return {"errors": [], "warnings": []}, 200
        if what == "create":
            name = f"{asked['organization']}/{asked['name']}"
            there = self.repository("models", name).exists()
            self.repository("models", name).mkdir(parents=True, exist_ok=True)
            return {"url": f"{self.url}/{name}", "name": name, "private": asked.get("private")}, 409 if there else 200
        if what == "batch":
            sent = [
                entry | {"actions": {"upload": {"href": f"{self.url}/large/{entry['oid']}"}}}
                for entry in asked["objects"]
            ]
            return {"transfer": "basic", "objects": sent}, 200
        if parts[-2] == "preupload":
            modes = {True: "lfs", False: "regular"}
            files = [
                {"path": file["path"], "uploadMode": modes[file["path"].endswith(LARGE)], "shouldIgnore": False}
                for file in asked["files"]
            ]
            return {"files": files}, 200
        folder = self.repository("models", "/".join(parts[2:4]))
        for line in lines[1:]:
            path = folder / line["value"]["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if line["key"] == "file":
                path.write_bytes(base64.b64decode(line["value"]["content"]))
            elif line["key"] == "lfsFile":
                path.write_bytes(self.large.pop(line["value"]["oid"]))
            else:
                path.unlink()
        return {
            "success": True,
            "commitOid": COMMIT,
            "commitUrl": f"{self.url}/{'/'.join(parts[2:4])}/commit/{COMMIT}",
        }, 200

    def listing(self, folder: Path) -> list[dict[str, Any]]:
        """Files of a repository as the hub's tree has them."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [self.entry(folder, path) for path in files]

    @staticmethod
    def entry(folder: Path, path: Path) -> dict[str, Any]:
        content = path.read_bytes()
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        entry: dict[str, Any] = {
            "type": "file", "path": path.relative_to(folder).as_posix(), "size": len(content), "oid": blob
        }  # fmt: skip
        if path.suffix in LARGE:
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry


def one_level(entries: list[dict[str, Any]], below: str) -> list[dict[str, Any]]:
    """The files right below a folder, and its folders."""
    prefix = f"{below}/" if below else ""
    folders = dict.fromkeys(
        prefix + entry["path"].removeprefix(prefix).split("/")[0]
        for entry in entries
        if "/" in entry["path"].removeprefix(prefix)
    )
    files = [entry for entry in entries if "/" not in entry["path"].removeprefix(prefix)]
    return [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders] + files


@contextmanager
def running_hub(root: Path) -> Iterator[Hub]:
    """Serve the repositories below `root` until the block ends."""
    hub = Hub(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            lines = [json.loads(line) for line in self.body().splitlines()] or [{}]
            path = urlparse(self.path).path
            if path.endswith(("/repos/create", "/preupload/main", "/objects/batch", "/commit/main", "/validate-yaml")):
                hub.requests.append(f"POST {self.path}")
                return self.send_json(*hub.take(path.strip("/").split("/"), lines, self.headers.get("Authorization")))
            return self.answer(lines[0])

        def do_PUT(self) -> None:
            hub.large[self.path.rpartition("/")[2]] = self.body()
            self.send_json({})

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def answer(self, asked: dict[str, Any] | None = None) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            parts = unquote(urlparse(self.path).path).strip("/").split("/")
            if parts[0] == "api":
                self.answer_api(parts[1], "/".join(parts[2:4]), parts[4:], asked)
            elif parts[0] == "plain":
                self.send_file(hub.root.joinpath(*parts))
            elif "resolve" in parts:
                place = parts.index("resolve")
                kind = "datasets" if parts[0] == "datasets" else "models"
                folder = hub.repository(kind, "/".join(parts[place - 2 : place]))
                self.send_file(folder.joinpath(*parts[place + 2 :]))
            else:
                self.send_json({"error": "no such place"}, 404)

        def answer_api(self, kind: str, name: str, rest: list[str], asked: dict[str, Any] | None) -> None:
            folder = hub.repository(kind, name)
            if hub.fault(self.path) == "refuse":
                return self.send_json({"error": "busy"}, 503)
            if not folder.is_dir():
                return self.send_json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            if rest[:1] == ["revision"] and rest[1] not in {"main", COMMIT}:
                return self.send_json({"error": "no such revision"}, 404, {"X-Error-Code": "RevisionNotFound"})
            listing = hub.listing(folder)
            if rest[:1] == ["tree"]:
                below = "/".join(rest[2:])
                found = [entry for entry in listing if not below or entry["path"].startswith(below + "/")]
                if below and not found:
                    return self.send_json({"error": "no such folder"}, 404, {"X-Error-Code": "EntryNotFound"})
                return self.send_json(found if "recursive=true" in self.path.lower() else one_level(found, below))
            if rest[:1] == ["paths-info"]:
                paths = (asked or {}).get("paths", [])
                wanted = [paths] if isinstance(paths, str) else paths
                return self.send_json([entry for entry in listing if entry["path"] in wanted])
            siblings = []
            for entry in listing:
                sibling = {"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]}
                if "lfs" in entry:
                    sibling["lfs"] = {"sha256": entry["lfs"]["oid"], "size": entry["size"], "pointerSize": 130}
                siblings.append(sibling)
            return self.send_json(
                {"_id": "1", "id": name, "sha": COMMIT, "private": False, "downloads": 0, "likes": 0, "tags": [],
                 "lastModified": "2026-01-01T00:00:00.000Z", "siblings": siblings}
            )  # fmt: skip

        def send_json(self, value: Any, status: int = 200, more: dict[str, str] | None = None) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            for name, given in {"Content-Type": "application/json", **(more or {})}.items():
                self.send_header(name, given)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def send_file(self, path: Path) -> None:
            if not path.is_file():
                return self.send_json({"error": "no such file"}, 404, {"X-Error-Code": "EntryNotFound"})
            fault = hub.fault(self.path) if self.command == "GET" else None
            if fault == "refuse":
                return self.send_json({"error": "busy"}, 503)
            if fault == "slow":
                time.sleep(4)
            content = path.read_bytes()
            start, status = 0, 200
            if self.headers.get("Range") and fault is None:
                start, status = int(self.headers["Range"].removeprefix("bytes=").split("-")[0]), 206
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content) - start))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if self.command == "HEAD":
                return None
            if fault == "truncate":
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            elif fault == "damage":
                self.wfile.write(content[:-9] + bytes(byte ^ 255 for byte in content[-9:]))
            else:
                with suppress(BrokenPipeError):  # whoever waited has gone
                    self.wfile.write(content[start:])
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
