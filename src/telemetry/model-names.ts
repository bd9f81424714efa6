const limit = 200;

/** The name that stands for every model which gets no label of its own. */
export const otherModel = 'other';

/** Which models may be labels: those that have answered, and not more than a scrape can carry. */
export interface ModelNames {
  /** The label of a model that answered. */
  answered(provider: string, model: string): string;
  /** The label of a model that may never have: a name that a client made up is `other`. */
  known(provider: string, model: string): string;
}

export function createModelNames(most: number = limit): ModelNames {
  const names = new Map<string, Set<string>>();
  let size = 0;
  const known = (provider: string, model: string) => names.get(provider)?.has(model) ?? false;
  return {
    answered(provider, model) {
      if (known(provider, model)) return model;
      if (size >= most) return otherModel;
      const ofProvider = names.get(provider) ?? new Set();
      names.set(provider, ofProvider.add(model));
      size += 1;
      return model;
    },
    known: (provider, model) => (known(provider, model) ? model : otherModel),
  };
}
