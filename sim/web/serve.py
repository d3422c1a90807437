"""Serve the page: on this machine only, or to a class on purpose, with a token."""

from __future__ import annotations

import gc
import ipaddress
import os
import secrets
import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from titranc.models.input_problems import InputProblem, InputRefused, Words
from titranc.sim import compiling

TOKEN_VARIABLE = "TITRANC_WEB_TOKEN"  # noqa: S105 - the name, not the token
HERE = "127.0.0.1"
LARGEST_UPLOAD_MIB = 1
# A visitor who has gone is kept for so long, should the connection come back; then the memory is free.
GONE_AFTER_SECONDS = 60


def serve(host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until stopped; raises InputRefused for a host that is no address."""
    if find_spec("streamlit") is None:
        allowed = "an installation with the page: pip install 'titranc[web]'"
        raise InputRefused([InputProblem("web", None, "streamlit", Words("nothing"), allowed)])
    alone = _is_loopback(host)
    _check_free(host, port)
    token = "" if alone else secrets.token_urlsafe(12)
    os.environ[TOKEN_VARIABLE] = token
    if not alone:
        say(
            "Served to the network, without encryption: for a class on a network you trust. Whoever has the link may come "
            "in; stop with Ctrl-C."
        )
        say(f"Link for the class: http://{_shown(host)}:{port}/?token={token}")
    compiling.make_ready(say)
    _warm_up()
    if alone:
        say(f"Open http://{_shown(host)}:{port}/ in a browser; stop with Ctrl-C.")
    _run(host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        allowed = "an IP address of this machine, such as 127.0.0.1 (this machine only) or 0.0.0.0 (a class)"
        raise InputRefused([InputProblem("web", None, "--host", host, allowed)]) from None


def _check_free(host: str, port: int) -> None:
    """Refuse an address that cannot be listened at."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            allowed = f"a host and a port of this machine that are free ({error.strerror})"
            raise InputRefused([InputProblem("web", None, "--host, --port", f"{host}:{port}", allowed)]) from None


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - said on purpose
        return "ADDRESS-OF-THIS-MACHINE"
    return f"[{host}]" if ":" in host else host


def _warm_up() -> None:
    """Load what the first visitor would wait for, and keep it out of every later search for garbage."""
    from titranc.sim.session import Session
    from titranc.sim.web.page import TABS

    Session.open("scn_child", ["horizon_years=0.1"]).autopilot(visits=len(TABS))
    gc.freeze()


def options(host: str, port: int) -> dict[str, object]:
    """Return Streamlit's settings: nothing is sent anywhere, no error's inside is shown, uploads are small."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": LARGEST_UPLOAD_MIB,
        "server.enableStaticServing": False,
        "server.disconnectedSessionTTL": GONE_AFTER_SECONDS,
        # Python searches for garbage by itself; a search after each click took two thirds of the time of a class.
        "runner.postScriptGC": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "client.showErrorLinks": False,
        "global.developmentMode": False,
        "logger.level": "warning",
        "theme.base": "light",
        "theme.primaryColor": "#0072B2",
        "theme.textColor": "#222222",
    }


def _run(host: str, port: int) -> None:
    from streamlit.web.cli import main

    chosen = [f"--{name}={_written(value)}" for name, value in options(host, port).items()]
    main(["run", str(Path(__file__).with_name("app.py")), *chosen], standalone_mode=False)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
