"""Studies that search for hyper-parameters, and what comes out of them."""
