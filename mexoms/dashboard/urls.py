"""The dashboard's addresses: the page itself, and what its buttons post to."""

from __future__ import annotations

from django.urls import path

from mexoms.dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("", views.desk, name="desk"),
    path("desk/orders/", views.place_order, name="place"),
    path("desk/orders/<uuid:order_id>/", views.order_answer, name="order_answer"),
    path("desk/orders/<uuid:order_id>/cancel/", views.cancel_order, name="cancel"),
    path("desk/cancel-all/", views.cancel_all, name="cancel_all"),
    path("desk/kill-switch/", views.set_kill_switch, name="kill_switch"),
]
