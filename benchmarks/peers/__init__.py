"""Compare metaauto with other AutoML systems on the same splits, budgets and cores."""
