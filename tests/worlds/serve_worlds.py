"""Worlds in which who serves the certificate is asked after the commit, and is given every wrong answer."""

from __future__ import annotations

from typing import Any

from tests.worlds.play import COMMON_NAME, NAME, Scene, World
from tests.worlds.served import ENDPOINT, at_commit, down_at_commit, mend, serve
from tests.worlds.stage import Act, Stage

# What happens at the commit, and the code that tells of it.
WRONG: dict[str, tuple[Act, str]] = {
    "the leaf alone": (at_commit(served_chain="entry_only"), "served-leaf-only"),
    "the old certificate": (at_commit(data_plane="stays_old"), "served-old"),
    "another's certificate": (at_commit(data_plane="another"), "served-other"),
    "a reset": (at_commit(data_plane="resets"), "serve-no-handshake"),
    "nobody": (down_at_commit, "serve-unreachable"),
}
# The old certificate is what clients met before.
WORSE = [name for name in WRONG if name != "the old certificate"]
PUTS_ON = f"enroll --resubmit -p {NAME}"


def asked(**check: Any) -> Scene:
    """One certificate, whose service is asked."""

    def setup(stage: Stage) -> None:
        serve(stage)
        stage.add_profile(NAME, COMMON_NAME, serve_check={"endpoints": [ENDPOINT], **check})

    return setup


WORLDS = (
    *(
        World(
            f"after the commit the endpoint answers with {name}, and it is reported",
            codes=(1,), tells=(code,), start="due", setup=asked(), rules=(("fw commit", act),), mends=mend, out_orders=0,
        )
        for name, (act, code) in WRONG.items()
    ),
    *(
        World(
            f"after the commit the endpoint answers with {name}, and the predecessor serves again",
            codes=(1,), tells=("rolled-back",), start="due", setup=asked(on_wrong="rollback"), nights=20,
            rules=(("fw commit", WRONG[name][0]),), mends=mend, out=(PUTS_ON,), out_orders=0,
        )
        for name in WORSE
    ),
    World(
        "what went back is held until the predecessor comes to its last days",
        codes=(1,), tells=("rolled-back",), start="due", setup=asked(on_wrong="rollback"), nights=45,
        rules=(("fw commit", WRONG["a reset"][0]),), mends=mend, out_orders=0,
    ),
    World(
        "the device takes an hour to serve what was committed",
        codes=(0, 1), tells=("served-old",), ends=(0,), start="due", setup=asked(on_wrong="rollback"),
        rules=(("fw commit", at_commit(data_plane_delay=3600.0)),),
    ),
    World(
        "the state folder is lost while the predecessor serves again",
        codes=(1,), tells=("rolled-back",), start="due", setup=asked(on_wrong="rollback"), nights=20,
        rules=(("fw commit", WRONG["a reset"][0]),), events={8: Stage.lose_state}, mends=mend, out=(PUTS_ON,),
        out_orders=0,
    ),
    World(
        "the endpoint cannot be reached, neither before nor after the commit",
        codes=(1,), tells=("serve-unreachable",), never_says="serves again", start="due",
        setup=asked(on_wrong="rollback"), rules=(("fw get certificates", down_at_commit),), mends=mend, out_orders=0,
    ),
)  # fmt: skip
