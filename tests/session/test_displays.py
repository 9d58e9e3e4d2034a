"""What objects show of themselves in a notebook: escaped, without scripts, whatever people said."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.docs.test_notebooks import check_html
from tests.session.stores import user_says, voxon_on
from voxsession import MemorySessionStorage, SessionProfile
from voxsession.core.scales import scale

NASTY = st.one_of(
    st.text(min_size=1, max_size=40),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</div></svg>",
            "a < b & c > d",
            "<b>bold</b> 'x'",
            "]]>",
        ]
    ),
).filter(lambda text: text.strip() and text.isprintable())


@settings(max_examples=25)
@given(NASTY, NASTY, NASTY)
def test_nothing_that_was_said_becomes_markup(said: str, name: str, value: str) -> None:
    """Messages, speakers, tool calls, settings and topics are text, in every display."""

    async def show() -> list[str]:
        async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann") as session:
            async with session.conversation() as conv:
                call = {"id": "1", "type": "function", "function": {"name": name, "arguments": said}}
                await conv.add_messages(
                    [
                        {"role": "user", "content": said, "name": name},
                        {"role": "assistant", "content": None, "tool_calls": [call]},
                        {"role": "tool", "content": said, "tool_call_id": "1", "name": name},
                    ]
                )
                session.set_preference(f"my {name}", value)
                session.set_preference("topics", [said, name])
                session.set_preference("language", value[:100])
                profile = session.export_preference_profile()
                shown = [conv, session, session.get_learned_preferences(), profile]
                return [one._repr_html_() for one in shown]  # type: ignore[attr-defined]

    for html in asyncio.run(show()):
        check_html(html)
        for bad in ("<script", "<img", "<b>"):
            assert bad not in html


@given(NASTY, NASTY, NASTY, st.floats(-1e9, 1e9) | st.none())
def test_a_scale_is_sound_whatever_is_on_it(title: str, low: str, note: str, share: float | None) -> None:
    """Texts are escaped and the mark stays on the line."""
    assert check_html(scale(title, share, (low, "high"), note, 7.0)) == 1


async def test_a_conversation_shows_what_was_said() -> None:
    """Figures, the latest messages, what was cut off or forgotten; of a long one, how many came before."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann") as session:
        conv = await session.start_conversation("c")
        assert "Nothing was said yet" in conv._repr_html_()
        await conv.add_messages(user_says("The secret word is Zebra", *(f"message {n}" for n in range(60))))
        html = conv._repr_html_()
        assert "61 messages" in html and "21 earlier ones" in html
        assert "message 59" in html and "message 19<" not in html
        await session.forget("message 59")
        assert "message 59" not in conv._repr_html_() and "forgotten" in conv._repr_html_()
        branch = await session.start_conversation(parent_id="c")
        await branch.add_messages([{"role": "assistant", "content": "x" * 5000}])
        assert "branch of c" in branch._repr_html_() and "x" * 1600 not in branch._repr_html_()


async def test_preferences_are_a_dict_that_shows_itself() -> None:
    """It is JSON, a state, a copy and a pickle as any dict; the picture says how sure it is and what was set."""
    async with voxon_on(MemorySessionStorage()) as voxon, voxon.session("ann") as session:
        assert session.get_learned_preferences()._repr_html_().count("nothing known yet</text>") == 3  # type: ignore[attr-defined]
        async with session.conversation() as conv:
            await conv.add_messages(user_says(*["Would you kindly explain entropy?"] * 6))
        session.set_preference("verbosity", "brief")
        known = session.get_learned_preferences()
        session.update_state(known=known)
        html = known._repr_html_()  # type: ignore[attr-defined]
    assert json.loads(json.dumps(known)) == known == session.state["known"]
    assert copy.copy(known) == known == pickle.loads(pickle.dumps(known))
    assert html.count("<svg") == 3 and "set: brief" in html and "% sure" in html


def test_an_empty_profile_says_so() -> None:
    """There is nothing to draw."""
    assert "knows nothing yet" in SessionProfile()._repr_html_()
