"""Every address of the web process."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from accounts.api import SessionView
from mexoms import health
from risk.api import LimitViewSet
from strategies.api import KillSwitchViewSet
from trading.api import orders, views

handler400 = "mexoms.error_map.bad_request"
handler404 = "mexoms.error_map.not_found"
handler500 = "mexoms.error_map.server_error"

router = DefaultRouter()
router.include_root_view = False
router.register("accounts", views.AccountViewSet, basename="account")
router.register("instruments", views.InstrumentViewSet, basename="instrument")
router.register("orders", orders.OrderViewSet, basename="order")
router.register("fills", views.FillViewSet, basename="fill")
router.register("positions", views.PositionViewSet, basename="position")
router.register("balances", views.BalanceViewSet, basename="balance")
router.register("limits", LimitViewSet, basename="limit")
router.register("kill-switches", KillSwitchViewSet, basename="kill-switch")

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("login/", LoginView.as_view(template_name="dashboard/login.html"), name="login"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("admin/", admin.site.urls),
    path("api/v1/session/", SessionView.as_view(), name="session"),
    path("api/v1/", include(router.urls)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include("mexoms.dashboard.urls")),
]
