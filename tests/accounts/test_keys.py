"""The key ring: what was sealed opens in its own row alone, and never by a fallback."""

from __future__ import annotations

import json
import stat
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command

from accounts import selectors, services
from accounts.errors import AccountInvalid, KeyRingMissing, KeyRingUnsafe, SecretUnreadable
from accounts.keys import KeyRing, Place, Sealed
from accounts.models import ApiKey
from accounts.tenancy import tenant_scope
from tests.desks import Desk

SECRET = "canary-secret-5f1d"
PLACE = Place("table", "column", uuid.uuid4(), uuid.uuid4())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "ring.json"


@pytest.fixture
def ring(path) -> KeyRing:
    return KeyRing.load_or_create(path)


def test_a_sealed_secret_opens_in_its_place(ring):
    assert ring.open(ring.seal(SECRET, PLACE), PLACE) == SECRET


def test_sealing_twice_gives_two_ciphertexts(ring):
    assert ring.seal(SECRET, PLACE).ciphertext != ring.seal(SECRET, PLACE).ciphertext


@pytest.mark.parametrize("part", ["table", "column", "tenant_id", "row_id"])
def test_a_ciphertext_moved_to_another_place_does_not_open(ring, part):
    moved = Place(**{**PLACE._asdict(), part: uuid.uuid4()})
    with pytest.raises(SecretUnreadable):
        ring.open(ring.seal(SECRET, PLACE), moved)


@pytest.mark.parametrize("position", [0, 12, -1])
def test_a_changed_ciphertext_does_not_open(ring, position):
    sealed = ring.seal(SECRET, PLACE)
    changed = bytearray(sealed.ciphertext)
    changed[position] ^= 1
    with pytest.raises(SecretUnreadable):
        ring.open(Sealed(sealed.key_id, bytes(changed)), PLACE)


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_ciphertext_cut_short_does_not_open(ring, length):
    sealed = ring.seal(SECRET, PLACE)
    with pytest.raises(SecretUnreadable):
        ring.open(Sealed(sealed.key_id, sealed.ciphertext[:length]), PLACE)


def test_another_ring_opens_nothing_even_under_the_same_key_id(ring):
    sealed = ring.seal(SECRET, PLACE)
    stranger = KeyRing(sealed.key_id, {sealed.key_id: b"x" * 32})
    with pytest.raises(SecretUnreadable):
        stranger.open(sealed, PLACE)
    with pytest.raises(SecretUnreadable):
        KeyRing("other", {"other": b"x" * 32}).open(sealed, PLACE)


def test_the_rings_file_is_readable_by_its_owner_alone(ring, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_ring_that_others_may_read_is_refused(ring, path, mode):
    path.chmod(mode)
    with pytest.raises(KeyRingUnsafe):
        KeyRing.load(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"active": "a", "keys": {}}', '{"active": "a", "keys": {"a": "eA=="}}']
)
def test_what_is_no_key_ring_is_refused(path, text):
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(KeyRingUnsafe):
        KeyRing.load(path)


def test_opening_never_makes_a_ring(path):
    with pytest.raises(KeyRingMissing):
        KeyRing.load(path)
    assert not path.exists()


def test_processes_that_make_the_first_ring_at_once_end_with_the_same(path):
    with ThreadPoolExecutor(8) as threads:
        rings = list(threads.map(lambda _: KeyRing.load_or_create(path), range(8)))
    sealed = rings[0].seal(SECRET, PLACE)
    assert {ring.open(sealed, PLACE) for ring in rings} == {SECRET}
    assert [file.name for file in path.parent.iterdir()] == ["ring.json"]


def test_a_ring_shows_no_key(ring, path):
    keys = json.loads(path.read_text())["keys"]
    assert not any(key in repr(ring) for key in keys.values())


def store(desk: Desk, secret: str = SECRET) -> ApiKey:
    return services.store_api_key(
        account=desk.main, api_key="public-half-of-the-key", api_secret=secret, now_ns=time.time_ns()
    )


@pytest.mark.services
def test_a_stored_key_opens_and_its_secret_stands_nowhere_in_the_row(demo_desk, other_desk):
    key = store(demo_desk)
    with tenant_scope(demo_desk.tenant.id):
        row = ApiKey.objects.values().get(id=key.id)
        assert selectors.open_secret(ApiKey.objects.get(id=key.id)) == ("public-half-of-the-key", SECRET)
    assert SECRET not in repr(row)
    assert SECRET.encode() not in bytes(row["secret_ciphertext"])
    assert "public-half" not in repr(key)
    assert repr(key) == "<ApiKey: publ…-key>"


@pytest.mark.services
def test_a_new_key_retires_the_one_before(demo_desk):
    first, second = store(demo_desk), store(demo_desk, "other")
    with tenant_scope(demo_desk.tenant.id):
        assert selectors.active_key(demo_desk.main) == second
        assert not ApiKey.objects.get(id=first.id).active


@pytest.mark.services
def test_half_a_key_is_refused(demo_desk):
    with pytest.raises(AccountInvalid):
        store(demo_desk, " ")


@pytest.mark.services
def test_a_ciphertext_copied_to_another_tenants_row_does_not_open(demo_desk, other_desk):
    mine, theirs = store(demo_desk), store(other_desk)
    with tenant_scope(other_desk.tenant.id):
        theirs.secret_ciphertext, theirs.ring_key_id = mine.secret_ciphertext, mine.ring_key_id
        theirs.save()
        with pytest.raises(SecretUnreadable):
            selectors.open_secret(ApiKey.objects.get(id=theirs.id))


@pytest.mark.services
def test_without_its_ring_a_stored_key_stays_shut(demo_desk, settings):
    key = store(demo_desk)
    settings.KEY_RING_PATH.unlink()
    with pytest.raises(KeyRingMissing):
        selectors.open_secret(key)


@pytest.mark.services
def test_rotation_seals_every_tenants_keys_anew_and_retires_the_old_key(
    demo_desk, other_desk, settings, capsys
):
    keys = [store(demo_desk), store(other_desk, "another")]
    before = KeyRing.load(settings.KEY_RING_PATH)
    call_command("rotate_keys", "--retire")
    assert "2" in capsys.readouterr().out
    for key, secret in zip(keys, (SECRET, "another"), strict=True):
        with tenant_scope(key.tenant_id):
            row = ApiKey.objects.get(id=key.id)
        assert row.ring_key_id != key.ring_key_id
        assert selectors.open_secret(row) == ("public-half-of-the-key", secret)
        with pytest.raises(SecretUnreadable):
            before.open(Sealed(row.ring_key_id, bytes(row.secret_ciphertext)), selectors.place_of(row))
        with pytest.raises(SecretUnreadable):
            selectors.open_secret(key)  # its ciphertext is of the retired key


@pytest.mark.services
def test_a_rotation_that_meets_an_unreadable_key_changes_nothing_of_that_tenant(demo_desk, settings):
    good = store(demo_desk)
    broken = store(demo_desk, "other")
    with tenant_scope(demo_desk.tenant.id):
        ApiKey.objects.filter(id=broken.id).update(secret_ciphertext=b"x" * 40)
    with pytest.raises(SecretUnreadable):
        services.rotate_keys(retire=True)
    with tenant_scope(demo_desk.tenant.id):
        assert selectors.open_secret(ApiKey.objects.get(id=good.id))[1] == SECRET
