"""The engine as a process: its wiring to Postgres, the bus, the gate and the live channels."""
