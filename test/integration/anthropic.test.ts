import { anthropicSpeaker } from '../fixtures/wires/anthropic.ts';
import { runForeign } from '../fixtures/wires/suite.ts';

runForeign(anthropicSpeaker);
