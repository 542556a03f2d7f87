"""Every constant of the calibrated checker that somebody chose, with where it was chosen and on what data.

Each has a sentence on what it is, then one on its choice. "The FPB subset" are the study's 500 sentences of
the Financial PhraseBank with its noise at 30, 50 and 70 %. "Drawn samples" are those of
`benchmarks/guessing.py`. The figures are in `docs/measurements.md`, "The calibrated checker". "Not measured"
means that neither the documents nor the history name an experiment.

Five were chosen on sets that the study reports, whose figures may flatter them: `CONFUSION_WEIGHT`,
`CLASSIFIER_PENALTY`, `LABEL_SHARE`, `AGENTS_SHARE` and `VERDICT_SHARE`.
"""

import numpy

# Label space: which number a response has (`label_space.py`).

FEWEST_ALONE = 50
"""Fewer samples that compare with each other are pooled with others of their nature. Not measured."""

MOST_GROUPS = 100
"""The most option sets, and the most tasks, that are groups of their own; the largest are. It bounds the time
of a file of many small ones. Not measured."""

FEWEST_OF_CLASS = 5
"""So many samples must share a response before it is a class. Not measured."""

FEWEST_OF_TASK = 3
"""So many samples of a task must share a response before a sentence that names it is it. Not measured."""

MOST_CLASSES = 50
"""With more classes than this, a few candidates of each sample are weighed instead of all. Not measured; time
and memory grow with the classes."""

TASK_COVERS = 0.9
"""The share of a task's samples whose responses must repeat, before a sentence that names one is it, before
few samples a class are enough, and before a task's long texts are odd responses. Not measured."""

CLASSES_COVER = 0.65
"""The share of a group's samples whose responses must be classes, with `TYPICAL_CLASS` samples each on
average. Chosen so that 30 % odd spellings leave the classes; at half, answers of arithmetic would be some."""

TYPICAL_CLASS = 10
"""See `CLASSES_COVER`. Chosen on numbers from 1 to 100 as answers to 500 prompts, which are no classes."""

CANDIDATES_OF_MANY = 10
"""Where there are many classes, so many candidates of each sample are weighed: what was named, what similar
prompts suggest, and any other response as the last. Chosen to be as many as of open prompts."""

OPEN_CANDIDATES = 10
"""How many answers an open prompt is taken to have; those that nobody gave are alike. Not measured."""

# Copies (`copies.py`).

NEAR_COPY = 0.1
"""Of two prompts with one response that lie so many times nearer to each other than is usual, one is learned
from. Chosen with `benchmarks/attacks.py`, seed 9, where prompts with a word or a sign added lie within a
tenth of the usual distance. No other value was tried."""

SAME_VECTOR = 1e-4
"""Prompts nearer than this have the same vector, and are left out of what is usual. Not measured."""

# All sources: what is believed before anything is observed (`sources.py`, `free_text.py`).

LIFT = 3.0
"""An answer, or a verdict on free text, is believed to be so much likelier where it is right.
Not measured."""

# Given responses and the judge (`sources.py`).

SOURCE_WEIGHT = 10.0
"""How many samples the first beliefs about responses and judge are worth; a hundred samples overrule them.
Not measured."""

RAREST_PATTERN = 1e-3
"""How many samples the belief in the rarest patterns is worth. It keeps logarithms finite. Not measured."""

# Agents (`agent_answers.py`, `sources.py`).

CONFUSION_WEIGHT = 100.0
"""How many samples a response the belief in agents is worth where prompts tell. Chosen among 30, 90, 100
and 300 on six kinds of noise, over the FPB subset and other sentences of the same data. May be overfitted."""

KNOWS = (0.2, 0.1)
"""Beta counts, in samples, of how often an agent knows the answer and does not. It may know nothing.
Chosen with drawn samples."""

COPIES = (1.0, 2.0)
"""Beta counts, in samples, of how often an agent copies the one before it and does not. Chosen with the
worlds of `NOISE_RATE_PRIOR`, beside (4, 4), which is level with it."""

PLACE = 1.0
"""How many guesses of each place are believed to be seen already. Not measured."""

FIRST_COPIES, FIRST_KNOWS = 0.2, 0.5
"""Where the fit of an agent's skill begins. Not measured."""

SKILL_ITERATIONS, SKILL_CHANGE = 50, 1e-4
"""The fit of a skill ends after so many steps, or when shares change by less in one. Not measured."""

RAREST_VOTE = 0.05
"""A vote counts by how rare the agent gives that answer, down to this share. Not measured."""

# Annotations by people (`annotations.py`, `crowd.py`).

MOST_ANNOTATORS = 1_000
"""So many annotators are known at most, those with the most annotations; others say nothing. It bounds the
memory of their confusions. Not measured."""

CROWD_WRONG = (1.0, 3.0)
"""Beta counts, in annotations, of how often all annotators together are wrong and right, where no noise rate
is taken for the true one. They are those of `NOISE_RATE_PRIOR`. Not measured."""

CROWD_ACCURACY = 4.0
"""How many annotations the belief is worth that an annotator is right as often as all are. Not measured."""

CROWD_CONFUSION = 4.0
"""How many annotations of each right class the belief is worth that an annotator is as accurate as in all and
errs towards each other class alike. Not measured."""

CROWD_SHIFTS = 5
"""Steps in which annotators are shifted to a noise rate; three are enough in the tests. Not measured."""

# Expectation-maximisation (`em.py`).

EM_ITERATIONS, EM_CHANGE = 25, 1e-3
"""Each fit ends after so many steps, or when no probability changes by more in one. It begins where the fit
of the noise rate before it has ended. Not measured."""

NOISE_RATES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""The noise rates that are tried. Not measured; the time grows with their number."""

NOISE_RATE_PRIOR = (0.044, 0.064, 0.107, 0.181, 0.19, 0.146, 0.107, 0.074, 0.048, 0.027, 0.012)
"""What is believed of them before any answer is seen: a beta distribution with the counts 1 and 3. Its mean
is a quarter, and half of it lies below a fifth. Chosen with 210 worlds of `benchmarks/harm.py` from number
9,300,000 on, beside the counts .5 and 2, which leave more wrong responses where nothing tells the rate."""

DISCOUNT = 3.0
"""So many nats of evidence on the noise rate count as one, since sources are only nearly what they are taken
for. Chosen with the same worlds, beside 1, which let 8 of 120 runs with at most 10 % noise lose 2 points."""

NOISE_OUTSIDE = 0.01
"""How likely the noise rate is to lie below its interval, and above it, were all sources what they are taken
for. Chosen with the same worlds beside .05: intervals are to hold the truth in nine runs of ten."""

REPLACES = 0.8
"""A new response must be so likely right before it takes the place of the given one. Chosen with the same
worlds, beside .5: of 120 runs with at most 10 % noise 2 lose more than 2 points at .8, and 7 to 11 at .5."""

ENOUGH_TRUSTED = 20
"""With so many trusted responses in a group, a new response need not be as sure. Not measured."""

REPLACES_BESIDE_TRUSTED = 0.5
"""How sure it must be there. Chosen with the same worlds and 40 trusted responses, beside .8: of 120 runs
with at most 10 % noise 1 and 0 lose more than 2 points, and at 30 to 70 % they gain 12.4 and 9.8."""

PROMPTS_TELL = 8.0
"""Prompts are a source where they tell answers by more nats than this. Agents that know nothing reached 5.9
at most in 60 draws. Chosen with `benchmarks/harm.py` among 2 and 8: at 2, 19 of 75 runs with responses
that no prompt tells lost more than 2 points, with another form of agents."""

CONSISTENT = 0.25
"""Agents may teach what is right where prompts tell less than this share of what given responses say.
Clean ones of drawn worlds on the FPB's sentences are told by .58 and more, those with 10 % noise by .29.
Chosen with the same worlds among .1, .15, .2, .25 and .3."""

NOISE = 0.3
"""The share of responses believed to be wrong at first where confusion is learned. Not measured alone."""

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

SHARPNESS_OF_MANY: list[float] = [0.0, *numpy.geomspace(1, 100, 25).tolist()]
"""The same among many classes, whose scores shrink further. Not measured."""

RAREST_OF_MANY = 1e-5
"""The least that prompts tell of a candidate among many classes. Chosen among 1e-3 and 1e-5 on drawn clouds
of 60 and 150 classes: at 1e-3, wrong responses are ranked well and hardly any is called noisy."""

MANY_ROUNDS = 2
"""Where there are many classes, so often a classifier learns from what a fit found. Chosen among 2, 5 and 15
on the same: with more, what prompts tell weakly confirms itself, and right responses are lost."""

SHARPENED_ON = 2_000
"""The most prompts on which the sharpness of predictions of many classes is chosen. Not measured."""

PREDICTED_AT_ONCE = 4_000_000
"""Prompts times classes whose predictions are held at once, which bounds the memory. Changes no figure."""

JUDGED_AT_ONCE = 2_000
"""Samples of a stream that are judged at once, which bounds the memory. Changes no figure."""

# The posterior (`label_model.py`).

LEARNED_FROM = 20_000
"""The most samples of a group that are learned from; what is learned is then said of all. Chosen for time and
memory."""

LABEL_SHARE = 0.75
"""How much of their evidence given responses keep beside the last classifier, which they have taught. It
came with the last classifier, which was judged on the FPB subset: area .930 to .944, .904 to .932 and .902 to
.935. May be overfitted."""

AGENTS_SHARE = 0.5
"""The same of agents, with the same history. May be overfitted."""

VERDICT_LIFT = 1.5
"""A verdict is believed to be so much likelier where it is right, beside what the first agent says.
Not measured alone."""

VERDICT_SHARE = 0.25
"""The same of the judge, and of a reviewer whose model has answered before. Both were shown what agents
say, and repeat much of it. For the reviewer it was chosen among a quarter, a half and 1 on the bundled data:
65, 63 and 58 % of the relabels come out right. May be overfitted."""

REVIEW_ITERATIONS = 20
"""Steps in which the reviewer's reliability and its evidence are fitted to each other. Not measured."""

SURE_BELOW = 0.05
"""Below this noise probability by the base view alone, no other agent is asked about a response. Chosen on
stored answers of SmolLM2-135M and on 120 drawn worlds: see `docs/measurements.md`, "Asking no further"."""

DOUBTFUL = 1 / 3
"""Responses of at least this noise probability are noisy. To train on a wrong response is taken to cost twice
what a right one brings. Chosen with the same worlds, beside .4 and .5: at 30 to 70 % noise the kept
responses are 12 points purer than those given, and 9 at .5; at most 10 %, 11 and 5 % of the right ones are
called noisy."""

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

# What is said of the verdicts (`cautions.py`).

WIDEST_INTERVAL = 0.3
"""Where the noise rate may lie in a wider interval than this, that is said. Not measured alone."""

MOST = 0.5
"""Where more responses than this seem to be wrong, that is said. Chosen since it is most of them."""

BETTER_BY = 0.2
"""Where the responses seem to be right more often than the model's answers by this share, that is said.
Not measured."""

SAME = 0.02
"""Shares of right answers that lie closer than this are taken to be the same. Not measured."""

# Wrong facts in free text (`facts.py`).

TURNED = 20
"""In so many responses a fact is turned. The issue's number; each costs four requests. Not measured."""

FEWEST_TURNED = 8
"""Fewer pairs say nothing of a view. Not measured."""

FACTS_SEEN = 0.65
"""The least area under the curve from which on plausibility is used. Chosen as a level that a user would want
to know of, not measured."""

FACTS_WRONG = 0.03
"""The share of free texts believed to have a fact wrong; nothing estimates it. Chosen among .02, .03, .05 and
.1 with drawn scores of clean data, so that less than 2 % of 200 are called noisy (at .05, 3 %)."""

SURE = 1.96
"""Standard errors that are taken off the mean fall of a view's score. Chosen as its lower 95 % bound."""

APART = 0.3
"""How far the views' covariance, told from few pairs, is drawn to views that are apart. Not measured."""

BOOTSTRAPS = 1000
"""Draws of the pairs for the interval. Not measured; it changes the last digit alone."""

YEARS = range(1000, 2101)
"""Numbers of four digits that are taken for years. Not measured."""
