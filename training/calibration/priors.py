"""Every constant of the calibrated checker that somebody chose, with where it was chosen and on what data.

Each has a sentence on what it is, then one on its choice. "The FPB subset" are the study's 500 sentences of
the Financial PhraseBank with its noise at 30, 50 and 70 %. "Drawn samples" are those of
`benchmarks/guessing.py`. The figures are in `docs/measurements.md`, "The calibrated checker". "Not measured"
means that neither the documents nor the history name an experiment.

Five were chosen on sets that the study reports, whose figures may flatter them: `CONFUSION_WEIGHT`,
`CLASSIFIER_PENALTY`, `LABEL_SHARE`, `ANNOTATORS_SHARE` and `VERDICT_SHARE`.
"""

import numpy

# Label space: which number a response has (`label_space.py`).

FEWEST_OF_CLASS = 5
"""So many samples must share a response before it is a class. Not measured."""

FEWEST_OF_TASK = 3
"""So many samples of a task must share a response before a sentence that names it is it. Not measured."""

MOST_CLASSES = 50
"""With more classes than this, none is learned about. Not measured; time and memory grow with the classes."""

CLASSES_COVER = 0.9
"""The share of the samples whose responses must be classes. Not measured; at 0.89 no classes are seen."""

OPEN_CANDIDATES = 10
"""How many answers an open prompt is taken to have; those that nobody gave are alike. Not measured."""

# All sources: what is believed before anything is observed (`sources.py`, `free_text.py`).

NOISE = 0.3
"""The share of responses believed to be wrong at first, where prompts are open, and where it is learned which
response is taken for which. Not measured alone."""

NOISE_AMONG_FEW = 0.1
"""The same where responses are options or classes, and how often one is wrong is learned. Chosen with 420
worlds of `benchmarks/harm.py` from number 9,100,000 on among .05, .1, .15 and .3. At .3 one run in three lost
more than 2 points of clean multiple choice, with another form of annotators."""

LIFT = 3.0
"""An answer, or a verdict on free text, is believed to be so much likelier where it is right.
Not measured."""

# Given responses and the judge (`sources.py`).

SOURCE_WEIGHT = 10.0
"""How many samples the first beliefs about responses and judge are worth; a hundred samples overrule them.
Not measured."""

RAREST_PATTERN = 1e-3
"""How many samples the belief in the rarest patterns is worth. It keeps logarithms finite. Not measured."""

BETTER_THAN_CHANCE = 4.5
"""Where prompts tell nothing, responses no better than chance are less likely by so many nats. Chosen with
drawn samples whose annotators know nothing (5 before it was defined in nats)."""

# Annotators (`annotators.py`, `sources.py`).

CONFUSION_WEIGHT = 100.0
"""How many samples a response the belief in annotators is worth where prompts tell. Chosen among 30, 90, 100
and 300 on six kinds of noise, over the FPB subset and other sentences of the same data. May be overfitted."""

KNOWS = (0.2, 0.1)
"""Beta counts, in samples, of how often an annotator knows the answer and does not. It may know nothing.
Chosen with drawn samples."""

COPIES = (0.5, 3.0)
"""Beta counts, in samples, of how often an annotator copies the one before it and does not, where prompts are
open. It seldom copies most of its answers. Chosen with drawn samples."""

COPIES_AMONG_FEW = (30.0, 10.0)
"""The same among options or classes. Models agree in 60 % of their common errors on MMLU (Kim et al. 2025),
and agents of one model in more. Chosen with the same worlds: of 123 runs with at most 10 % noise, 18 lose
more than 2 points with the counts above, and 1 with these."""

PLACE = 1.0
"""How many guesses of each place are believed to be seen already. Not measured."""

FIRST_COPIES, FIRST_KNOWS = 0.2, 0.5
"""Where the fit of an annotator's skill begins. Not measured."""

SKILL_ITERATIONS, SKILL_CHANGE = 50, 1e-4
"""The fit of a skill ends after so many steps, or when shares change by less in one. Not measured."""

RAREST_VOTE = 0.05
"""A vote counts by how rare the annotator gives that answer, down to this share. Not measured."""

# Expectation-maximisation (`em.py`).

EM_ITERATIONS, EM_CHANGE = 120, 1e-3
"""The fit ends after so many steps, or when no probability changes by more in one. Not measured."""

PROMPTS_TELL = 8.0
"""Prompts are a source where they tell answers by more nats than this. Agents that know nothing reached 5.9
at most in 60 draws. Chosen with `benchmarks/harm.py` among 2 and 8: at 2, 19 of 75 runs with responses
that no prompt tells lost more than 2 points, with another form of annotators."""

CONSISTENT = 0.25
"""Annotators may teach what is right where prompts tell less than this share of what given responses say.
Clean ones of drawn worlds on the FPB's sentences are told by .58 and more, those with 10 % noise by .29.
Chosen with the same worlds among .1, .15, .2, .25 and .3."""

# What prompts tell (`prompt_classifier.py`).

RIDGE = 1.0
"""The penalty of squared weights in the quick classifier: one sample's worth. Not measured alone. Averages
over several penalties were tried on these sentences without gain."""

RIDGE_OF_INTERCEPT = 1e-6
"""The penalty of the quick classifier's constant, which only keeps the equations solvable. Not measured."""

CLASSIFIER_PENALTY = 0.25
"""The penalty of the last classifier, scikit-learn's 1 / C. Chosen on the FPB subset. Four others that
had no part in it: area .930 to .934, calibration error .063 to .057. May be overfitted."""

FOLDS = 5
"""The folds of the last classifier. Not measured."""

RARE = 1e-3
"""The probability of a response that the last classifier never saw. Not measured."""

UNLIKELY = 0.02
"""The last classifier does not learn from candidates less likely than this. Not measured; it saves time."""

BALANCING_STEPS, BALANCED = 20, 1e-4
"""Predictions are shifted so often, or until each class's mean is this close to its share. Not measured."""

SHARPNESS: list[float] = [0.0, *numpy.geomspace(0.3, 30, 25).tolist()]
"""How far predictions may be stretched away from the shares; the likeliest is taken. Not measured."""

PREDICTED_AT_ONCE = 10_000
"""Prompts whose vectors are read at once, which bounds the memory. Changes no figure."""

# The posterior (`label_model.py`).

LEARNED_FROM = 20_000
"""The most samples that are learned from; what is learned is then said of all. Chosen for time and memory."""

LABEL_SHARE = 0.75
"""How much of their evidence given responses keep beside the last classifier, which they have taught. It
came with the last classifier, which was judged on the FPB subset: area .930 to .944, .904 to .932 and .902 to
.935. May be overfitted."""

ANNOTATORS_SHARE = 0.5
"""The same of annotators, with the same history. May be overfitted."""

VERDICT_LIFT = 1.5
"""A verdict is believed to be so much likelier where it is right, beside what the first annotator says.
Not measured alone."""

VERDICT_SHARE = 0.25
"""The same of the judge, and of a reviewer whose model has answered before. Both were shown what annotators
say, and repeat much of it. For the reviewer it was chosen among a quarter, a half and 1 on the bundled data:
65, 63 and 58 % of the relabels come out right. May be overfitted."""

REVIEW_ITERATIONS = 20
"""Steps in which the reviewer's reliability and its evidence are fitted to each other. Not measured."""

LIKELIER_WRONG = 0.5
"""A response with a lower noise probability is not noisy, whatever their mean says: at this one it is as
likely right as wrong. Chosen for that reason, not measured alone."""

# Free text (`free_text.py`).

FEWEST_TEXTS = 20
"""Too few texts to tell two groups apart: the judge decides alone. Not measured."""

FEWEST_OF_GROUP = 5
"""Fewer texts are no group of wrong ones, but outliers. Chosen on drawn similarities: one outlier among 60
made a group, and the 19 other wrong ones were accepted against the judge."""

FARTHEST = 3.0
"""Similarities lower than the median by more standard deviations count as that low, so that an outlier says
no more than a wrong response. Chosen on the same."""

NARROWEST = 1e-3
"""Added to the variances of similarities, so that narrower groups are not told apart. Not measured."""

MIXTURE_ITERATIONS = 300
"""The most steps of each fit of free text. The judge's fit always takes them all. Not measured."""

JUDGE_WEIGHT = 10.0
"""How many verdicts the first belief in the judge is worth where responses are free text. Not measured."""

WRONG_SHARES = (0.05, 0.15, 0.3, 0.5, 0.7)
"""Shares of wrong responses with which the fit of groups begins; the likeliest end is taken. Chosen on drawn
similarities: from one beginning, 5 % of wrong ones among right ones said word for word are missed."""

# Agreement above chance (`agreement.py`).

FEWEST_COMPARED = 30
"""Fewer comparable answers say nothing of a view. Not measured."""

DEVIATIONS = 2.0
"""Agreement is above chance by so many standard deviations of guessing: one in forty guessers passes."""

# Wrong facts in free text (`facts.py`).

TURNED = 20
"""In so many responses a fact is turned. The issue's number; each costs two requests. Not measured."""

FEWEST_TURNED = 8
"""Fewer pairs say nothing of a view. Not measured."""

FACTS_SEEN = 0.65
"""The least area under the curve from which on plausibility is used. Chosen as a level that a user would want
to know of, not measured."""

FACTS_WRONG = 0.05
"""The share of free texts believed to have a fact wrong; nothing estimates it. Chosen among .05 and .1 with
drawn scores of clean data: at .1, 4 % of 200 were called noisy, at .05 less than 2 %."""

SURE = 1.96
"""Standard errors that are taken off the mean fall of a view's score: its lower 95 % bound."""

APART = 0.3
"""How far the views' covariance, told from few pairs, is drawn to views that are apart. Not measured."""

BOOTSTRAPS = 1000
"""Draws of the pairs for the interval. Changes its last digit alone."""
