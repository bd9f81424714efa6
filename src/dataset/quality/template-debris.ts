/**
 * What chat templates put between messages, by family. In an answer it means that the model went on with the next turn, or
 * that its template was wrong.
 */
const tokens = [
  // ChatML and Qwen; Phi; gpt-oss
  '<\\|(?:im_start|im_end|im_sep|endoftext|endofprompt|system|user|assistant|end|channel|message|start|return|call|constrain|fim_prefix|fim_suffix|fim_middle)\\|>',
  // Llama 3
  '<\\|(?:begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|python_tag|finetune_right_pad_id)\\|>',
  // Llama 2 and Mistral
  '\\[/?INST\\]|<</?SYS>>|<s>\\s*\\[INST\\]|</s>\\s*$|\\[(?:/?AVAILABLE_TOOLS|/?TOOL_RESULTS|TOOL_CALLS|/?SYSTEM_PROMPT)\\]',
  // Gemma
  '<(?:start|end)_of_turn>|<(?:bos|eos|pad)>',
  // DeepSeek
  '<｜(?:User|Assistant|begin▁of▁sentence|end▁of▁sentence|tool▁[^｜]{1,20})｜>',
  // Command R, Granite, GLM
  '<\\|(?:START_OF_TURN_TOKEN|END_OF_TURN_TOKEN|USER_TOKEN|CHATBOT_TOKEN|SYSTEM_TOKEN|start_of_role|end_of_role)\\|>|\\[gMASK\\]<sop>',
  // Go templates of Ollama that nothing was put into
  '\\{\\{-? ?\\.(?:Prompt|System|Response|Content|Role|Messages|Suffix) ?-?\\}\\}',
  // Alpaca, Vicuna
  '^### ?(?:Instruction|Response|Input|Human|Assistant|User):',
  '^(?:Human|User|USER): [^\\n]*\\n+(?:Assistant|ASSISTANT|AI):',
];
const debris = new RegExp(tokens.join('|'), 'm');
const begins = /<[|｜/<se]|\[[/IATSg]|\{\{|###|^(?:Human|User|USER):|<(?:bos|pad)>/m;
const code = /^(?:```|~~~)[\s\S]*?(?:^(?:```|~~~)|$(?![\s\S]))|`[^`\n]+`/gm;

/** Whether an answer holds pieces of a chat template outside of code: an answer about templates quotes them. */
export function hasTemplateDebris(answer: string): boolean {
  if (!begins.test(answer) || !debris.test(answer)) return false;
  return debris.test(answer.replace(code, ' '));
}
