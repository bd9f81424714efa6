/** How many frames of a stream have text. */
export const contentFrames = 32;
/** Stands in each piece of text, so that a reader can count them whoever wrote the frame. */
export const mark = 'zq';

const pieces = Array.from({ length: contentFrames }, (_, at) => ` ${mark}${at} word`);
const head = { id: 'chatcmpl-mock', created: 1_700_000_000, model: 'tiny' };
const usage = { prompt_tokens: 200, completion_tokens: contentFrames, total_tokens: 200 + contentFrames };

/** The answer as it comes whole. */
export const answerText = JSON.stringify({
  ...head,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: pieces.join('') }, finish_reason: 'stop' }],
  usage,
});

const frame = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** The same answer as a stream; the first frame has text already. */
export const streamFrames: readonly string[] = [
  ...pieces.map((content, at) => frame(at === 0 ? { role: 'assistant', content } : { content })),
  frame({}, 'stop'),
  'data: [DONE]\n\n',
];

const filler = 'The customer writes at length about an order that has not come, and asks what to do about it. '.repeat(
  10,
);

/** A request of about 1 KB. No two are alike: what is stored once for all would be a gift to whoever stores. */
export function requestText(model: string, number: number, stream: boolean): string {
  const messages = [
    { role: 'system', content: 'You answer the customers of a shop, kindly and in short sentences.' },
    { role: 'user', content: `Letter ${number} of ${process.pid}. ${filler}` },
  ];
  return JSON.stringify({ model, messages, temperature: 0.2, max_tokens: 256, ...(stream && { stream }) });
}
