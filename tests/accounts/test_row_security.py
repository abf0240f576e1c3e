from __future__ import annotations

import pytest

from accounts.models import ExchangeAccount
from accounts.tenancy import TenantMissing, tenant_scope


def test_x(demo_desk, other_desk):
    with tenant_scope(demo_desk.tenant.id):
        assert ExchangeAccount.objects.count() == 3
        assert ExchangeAccount._base_manager.count() == 3
    with pytest.raises(TenantMissing):
        ExchangeAccount.objects.count()
    assert ExchangeAccount._base_manager.count() == 0


@pytest.mark.django_db(transaction=True)
def test_y(demo_desk, other_desk):
    assert ExchangeAccount._base_manager.count() == 0


@pytest.mark.django_db(transaction=True)
def test_z(demo_desk, other_desk):
    assert demo_desk.tenant.slot == 1
