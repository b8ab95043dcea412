"""Track how far a run has come through its stages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gemma10m.training.recipe import Recipe, Stage

FEWEST_STEPS = 10  # in a stage before it may end early: the running loss still tells of the stage before
SMOOTHING = 0.05
FIRST_LOSS = 10.0


@dataclass(frozen=True)
class Position:
    step: int = 0  # steps done
    stage: int = 0  # index of the stage that the next step belongs to; their number when all is done
    tokens: int = 0  # trained on so far
    stage_steps: int = 0
    stage_tokens: int = 0
    running_loss: float = FIRST_LOSS  # of the answers, smoothed over about twenty steps

    def stage_of(self, recipe: Recipe) -> Stage | None:
        return recipe.stages[self.stage] if self.stage < len(recipe.stages) else None

    def after(self, recipe: Recipe, tokens: int, answer_loss: float | None) -> Position:
        """Return the position after a step of `tokens` tokens; answer_loss None when nothing was asked."""
        stage, running = recipe.stages[self.stage], self.running_loss
        if answer_loss is not None:
            running += SMOOTHING * (answer_loss - running)
        here = replace(
            self,
            step=self.step + 1,
            tokens=self.tokens + tokens,
            stage_steps=self.stage_steps + 1,
            stage_tokens=self.stage_tokens + tokens,
            running_loss=running,
        )
        early = running < stage.below and here.stage_steps >= FEWEST_STEPS
        if early or here.stage_tokens >= stage.tokens:
            return replace(here, stage=self.stage + 1, stage_steps=0, stage_tokens=0)
        return here
