import { itEqualsTransformers } from "./greedy.js";

itEqualsTransformers();
