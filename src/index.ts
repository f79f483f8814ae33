// The public names, grouped by task.

// Cells
export { classF1 } from "./cells/charts/class-f1.js";
export { configurationBars } from "./cells/charts/configuration-bars.js";
export { confusion } from "./cells/charts/confusion.js";
export { dpoCurves } from "./cells/charts/dpo-curves.js";
export { emotionProfile } from "./cells/charts/emotion-profile.js";
export { eqBreakdown } from "./cells/charts/eq-breakdown.js";
export { evaluatorAgreement } from "./cells/charts/evaluator-agreement.js";
export { forestPlot } from "./cells/charts/forest-plot.js";
export { headCosts, learningCurve } from "./cells/charts/learning-curve.js";
export { lossCurve } from "./cells/charts/loss-curve.js";
export { rankChanges } from "./cells/charts/rank-changes.js";
export { reliability } from "./cells/charts/reliability.js";
export { sampleBreakdown } from "./cells/charts/sample-breakdown.js";
export { scoreByLength } from "./cells/charts/score-by-length.js";
export { seedSpread } from "./cells/charts/seed-spread.js";
export { temperatureMix } from "./cells/charts/temperature-mix.js";
export { chat } from "./cells/chat.js";
export { show } from "./cells/display.js";
export { dpoSteps } from "./cells/dpo-steps.js";
export {
  emotionShares,
  evaluatorScores,
  lengthScores,
  plannedDifferences,
  rankedScores,
  seedScores,
} from "./cells/eq-chart-rows.js";
export { figure } from "./cells/figure.js";
export { findingsList } from "./cells/findings-list.js";
export { frame } from "./cells/frame.js";
export { type LiveSliderOptions, liveSlider } from "./cells/live-slider.js";
export { maskedText } from "./cells/masked-text.js";
export { mixAt, mixRows } from "./cells/mix-rows.js";
export { openTable } from "./cells/open-table.js";
export { svgToPng } from "./cells/png.js";
export { progress } from "./cells/progress.js";
export { writeReport } from "./cells/report/report.js";
export {
  comparisonRows,
  emotionRows,
  emotionSentence,
  eqScoreBars,
  eqSummaryRows,
  evaluatorRows,
  failureRows,
  headCostRows,
  humanRows,
  officialRows,
  qualityRows,
  sensitivityRows,
  strategyRows,
} from "./cells/report-rows.js";
export { writeResults } from "./cells/results-picture.js";
export { samplePicker } from "./cells/sample-picker.js";
export { sampleRows, scoredSamples } from "./cells/scored-samples.js";
export { type RunSettings, runSettings } from "./cells/settings.js";
export { table } from "./cells/table.js";
export { watchHead } from "./cells/watch-head.js";
export { watchTraining } from "./cells/watch-training.js";
// Engine
export { type Compiled, type CompileOptions, compile } from "./core/compile/compile.js";
// Engine
export { type Diagnosis, diagnose } from "./core/doctor.js";
export { type Engine, startEngine } from "./core/engine.js";
export { FormatError, HttpError, NotFoundError } from "./core/errors.js";
export { Random } from "./core/random.js";
export { tf } from "./core/tf.js";
// Data
export { type CachedRows, cachedConversationRows, conversationRows, mixConversations } from "./data/conversation-rows.js";
export { loadEmpatheticDialogues } from "./data/empathetic-dialogues.js";
export { loadEqBench } from "./data/eq-bench.js";
export { loadEsconv, STRATEGIES } from "./data/esconv.js";
export { emotionConversation, GO_EMOTIONS, loadGoEmotions } from "./data/go-emotions.js";
export { mixShares, mixture } from "./data/mix.js";
export { overlaps } from "./data/overlap.js";
export { packSequences } from "./data/pack.js";
export { makePairs, type Pair } from "./data/pairs.js";
export type { Conversation, EqQuestion, LabelledText, Split } from "./data/record.js";
export { type RowPosition, rowStream } from "./data/row-stream.js";
export { shufflePreferences } from "./data/shuffle-preferences.js";
export { type OpenedData, openData, world } from "./data/world.js";
// Evaluation
export { bootstrapMean, type Interval } from "./eval/bootstrap.js";
export { EMOTION_GROUPS } from "./eval/emotion-groups.js";
export { type EmotionOptions, type EmotionReport, trainEmotionHead } from "./eval/emotion-head.js";
export { mappedWords, referenceVector } from "./eval/emotion-map.js";
export { officialControls } from "./eval/eq-bench-controls.js";
export { answerQuestions } from "./eval/eq-bench-generate.js";
export { lenientAnswer } from "./eval/eq-bench-lenient.js";
export { type EqBenchReport, reportAnswers } from "./eval/eq-bench-report.js";
export { benchmarkTotals, parseAnswer, scoreAnswer } from "./eval/eq-bench-score.js";
export type { EqResults, EqRow } from "./eval/eq-rows.js";
export { alignment, empathyMass, eqScore, LABEL_SETS } from "./eval/eq-score.js";
export { type Evaluator, headEvaluator, STEERING, textEvaluator } from "./eval/evaluators.js";
export type { ClassScore } from "./eval/f1.js";
export type { HeadEvent, HeadOptions, HeadResult, HeadRun } from "./eval/head-run.js";
export { holm } from "./eval/holm.js";
export { type LearningMeasure, learningRows, measureLearning } from "./eval/learning-curve.js";
export { pairedComparison } from "./eval/paired.js";
export { type EqEvent, evaluateEq } from "./eval/run-eq-bench.js";
export { spearman, spearmanInterval } from "./eval/spearman.js";
export { type Comparison, compareAll } from "./eval/statistics.js";
export { type StrategyReport, type StrategyTask, strategyContext, trainStrategyHead } from "./eval/strategy-head.js";
export { type EqSummary, type SummaryRow, summarize } from "./eval/summary.js";
export { type TextClassifier, trainTextClassifier } from "./eval/text-classifier.js";
export { loadTextClassifier, saveTextClassifier } from "./eval/text-classifier-files.js";
export { loadVariants, type Variant } from "./eval/variants.js";
// Files
export { openSource } from "./files/source.js";
export { writeFileSafely } from "./files/write.js";
// Generation
export { generate, generateAll } from "./generate/generate.js";
export { replies, reply, streamReply } from "./generate/reply.js";
// Models and adapters
export { loadAdapter, saveAdapter } from "./models/adapter-files.js";
export { classifyTexts } from "./models/classify.js";
export { createModel, disposeModel } from "./models/create.js";
export { embedTexts } from "./models/embed.js";
export { inputsOf, logitsOf, padRows } from "./models/forward.js";
export { loadHead, saveHead, type TrainedHead } from "./models/head-files.js";
export { loadModel } from "./models/load.js";
export {
  addLora,
  disposeAdapter,
  frozenCopy,
  mergeAdapter,
  trainableCopy,
  trainableParameters,
  unfreeze,
  withoutAdapter,
} from "./models/lora.js";
export type { CausalLM } from "./models/model.js";
export { saveModel } from "./models/save.js";
export { parameterCount } from "./models/shapes.js";
export { disposeHead, type Embeddings, headProbabilities } from "./nn/classification-head.js";
// Text
export { encodeConversation, encodePrompt } from "./text/mask.js";
export { type Message, mergeTurns } from "./text/messages.js";
export { type ChatTemplate, chooseTemplate, jinjaTemplate, plainTemplate, tagsTemplate } from "./text/template.js";
export { makeTokenizer, type Tokenizer } from "./text/tokenizer.js";
// Training
export { trainDpo } from "./train/dpo.js";
export { trainHead } from "./train/heads.js";
export type { TrainEvent, TrainOptions } from "./train/loop.js";
export { encodePreferences } from "./train/pair-rows.js";
export { readTrainingRecord, type TrainingRecord, trainingRecord } from "./train/record.js";
export { referenceLogProbs } from "./train/reference-log-probs.js";
export { sftLoss, trainSft } from "./train/sft.js";
export type { RowSource, SftRow } from "./train/sft-rows.js";
