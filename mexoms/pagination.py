"""Pages of the API's lists: `{"next", "previous", "results"}`, newest first, stable while rows come in."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

PAGE_SIZE = 50
PAGE_SIZE_MAX = 500


class NewestFirstCursor(CursorPagination):
    """Pages by a cursor over the view's `ordering`, which must end in a unique column."""

    page_size = PAGE_SIZE
    page_size_query_param = "limit"
    max_page_size = PAGE_SIZE_MAX
    ordering = "-id"

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """Return the view's own ordering."""
        ordering = getattr(view, "ordering", None) or self.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)
