"""What forecasts are refused for."""

from base.errors import FlyballError


class ForecastError(FlyballError):
    """Numbers that nothing can be said from."""
