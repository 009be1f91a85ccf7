"""The shelf: things a company lends to its own people, and who has them."""

import os
import sqlite3
from datetime import datetime

from flask import Flask, abort, flash, redirect, render_template, request, session, url_for

from shelf.store import Shelf, Taken

VERSION = "1.0"


def create_app(shelf: Shelf | None = None) -> Flask:
    """What the web process serves. Without SECRET_KEY it does not start: nobody should find that out later."""
    app = Flask(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    things = shelf or Shelf.from_environment()

    @app.get("/")
    def index():
        rows = things.all()
        out = sum(thing.taken_by is not None for thing in rows)
        return render_template("index.html", things=rows, out=out, me=session.get("me", ""), version=VERSION)

    @app.post("/things/<int:number>/take")
    def take(number: int):
        who = " ".join(request.form.get("who", "").split())[:40]
        if not who:
            flash("Say who you are, so that others know whom to ask.")
            return redirect(url_for("index"))
        session["me"] = who
        try:
            flash(f"{things.take(number, who)} is yours for {things.days} days.")
        except Taken as taken:
            flash(str(taken))
        except KeyError:
            abort(404)
        return redirect(url_for("index"))

    @app.post("/things/<int:number>/bring-back")
    def bring_back(number: int):
        try:
            flash(f"{things.bring_back(number)} is back. Thank you.")
        except KeyError:
            abort(404)
        return redirect(url_for("index"))

    @app.get("/healthz")
    def healthz():
        try:
            rows = things.all()
        except sqlite3.Error as error:
            return {"ok": False, "version": VERSION, "why": str(error)}, 503
        out = sum(thing.taken_by is not None for thing in rows)
        return {"ok": True, "version": VERSION, "things": len(rows), "out": out}

    @app.template_filter()
    def day(moment: datetime) -> str:
        return f"{moment.day} {moment:%B}"

    return app
