"""Ready profiles: each begins a session as it says."""

from __future__ import annotations

import pytest

from voxsession import ConfigurationError, ProfilePresets, SessionProfile, Voxon, VoxonConfig
from voxsession.learning.adaptation import adaptation_lines

SAYS = {
    "brief": ["Keep answers short."],
    "casual": ["Use casual, friendly language."],
    "expert": ["Assume expert knowledge."],
    "formal": ["Use formal language."],
    "plain_language": ["Use plain words; explain technical terms."],
    "spoken": ["Keep answers short.", "Speak slowly."],
    "thorough": ["Give detailed answers."],
}


@pytest.mark.parametrize("name", ProfilePresets.names())
def test_each_tells_the_model_what_it_is_for(name: str) -> None:
    """A session that begins with it adapts from the first message on, and it round-trips as any profile."""
    profile = ProfilePresets.get(name)
    assert profile and SessionProfile.from_json(profile.to_json()) == profile
    assert ProfilePresets.describe(name).endswith(".")
    session = Voxon(VoxonConfig(session_storage="memory")).create_session(preference_profile=name)
    lines = adaptation_lines(session._core.view)
    for line in SAYS[name]:
        assert line in lines, lines


@pytest.mark.parametrize("name", ["Plain Language", "plain-language", " PLAIN_LANGUAGE "])
def test_names_are_read_as_people_write_them(name: str) -> None:
    """Capitals, spaces and hyphens do not matter."""
    assert ProfilePresets.get(name) is ProfilePresets.get("plain_language")


@pytest.mark.parametrize("name", ["brif", "", "../conversation", "/etc/passwd", "brief.toml", 3, None])
def test_an_unknown_name_is_told_with_the_known_ones(name: object) -> None:
    """A name is never a path."""
    with pytest.raises(ConfigurationError) as caught:
        ProfilePresets.get(name)  # type: ignore[arg-type]
    assert name != "brif" or "Did you mean 'brief'" in str(caught.value)
