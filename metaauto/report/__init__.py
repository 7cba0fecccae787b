"""Write the HTML report."""
