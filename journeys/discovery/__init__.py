"""From traces to a flow. Pure: values in, a flow out; no Django."""
