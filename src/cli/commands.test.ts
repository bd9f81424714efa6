import { Command } from 'commander';
import { expect, test } from 'vitest';
import { commandFiles, filesOf } from './commands.ts';

async function registered(files: typeof commandFiles): Promise<Command> {
  const program = new Command('ratchet');
  for (const { load } of files) (await load())(program);
  return program;
}

const namesOf = ({ commands }: Command): string[] => commands.map((command) => command.name());
const helpOf = (program: Command, word: string): string | undefined =>
  program.commands.find((command) => command.name() === word)?.helpInformation();

test('every file registers the commands that it is loaded for', async () => {
  for (const file of commandFiles) expect(namesOf(await registered([file]))).toEqual(file.words);
});

test('a command is the same whether its own files are loaded or all of them', async () => {
  const all = await registered(commandFiles);
  for (const word of namesOf(all)) {
    expect(helpOf(await registered(filesOf(word)), word)).toBe(helpOf(all, word));
  }
});

test('help, no word and an unknown one get all commands', () => {
  for (const word of [undefined, 'help', '--help', 'stats', 'constructor']) expect(filesOf(word)).toBe(commandFiles);
});
