"""What Streamlit runs for each visitor."""

from titranc.sim.web.page import show

show()
