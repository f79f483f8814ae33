// The public names, grouped by task.

// Engine
export { type Diagnosis, diagnose } from "./core/doctor.js";
export { type Engine, startEngine } from "./core/engine.js";
export { FormatError, HttpError, NotFoundError } from "./core/errors.js";
export { Random } from "./core/random.js";
export { tf } from "./core/tf.js";

// Text
export { encodeConversation, encodePrompt } from "./text/mask.js";
export { type Message, mergeTurns } from "./text/messages.js";
export { type ChatTemplate, chooseTemplate, jinjaTemplate, plainTemplate, tagsTemplate } from "./text/template.js";
export { makeTokenizer, type Tokenizer } from "./text/tokenizer.js";

// Data
export { conversationRows, mixConversations } from "./data/conversation-rows.js";
export { loadEmpatheticDialogues } from "./data/empathetic-dialogues.js";
export { loadEqBench } from "./data/eq-bench.js";
export { loadEsconv, STRATEGIES } from "./data/esconv.js";
export { emotionConversation, GO_EMOTIONS, loadGoEmotions } from "./data/go-emotions.js";
export { mixShares, mixture } from "./data/mix.js";
export { overlaps } from "./data/overlap.js";
export { packSequences } from "./data/pack.js";
export { makePairs, type Pair } from "./data/pairs.js";
export type { Conversation, EqQuestion, LabelledText, Split } from "./data/record.js";
export { openData, type OpenedData, world } from "./data/world.js";

// Models and adapters
export { loadAdapter, saveAdapter } from "./models/adapter-files.js";
export { createModel, disposeModel } from "./models/create.js";
export { inputsOf, logitsOf, padRows } from "./models/forward.js";
export { loadModel } from "./models/load.js";
export { addLora, disposeAdapter, frozenCopy, mergeAdapter, trainableCopy, trainableParameters, unfreeze, withoutAdapter } from "./models/lora.js";
export type { CausalLM } from "./models/model.js";
export { saveModel } from "./models/save.js";
export { parameterCount } from "./models/shapes.js";

// Training
export { trainDpo } from "./train/dpo.js";
export type { TrainEvent, TrainOptions } from "./train/loop.js";
export { encodePreferences } from "./train/pair-rows.js";
export { sftLoss, trainSft } from "./train/sft.js";

// Generation
export { generate, generateAll } from "./generate/generate.js";
export { replies, reply, streamReply } from "./generate/reply.js";

// Files
export { openSource } from "./files/source.js";
export { writeFileSafely } from "./files/write.js";

// Cells
export { lossCurve } from "./cells/charts/loss-curve.js";
export { temperatureMix } from "./cells/charts/temperature-mix.js";
export { show } from "./cells/display.js";
export { figure } from "./cells/figure.js";
export { frame } from "./cells/frame.js";
export { type RunSettings, runSettings } from "./cells/settings.js";
