import type { Locator } from 'playwright-core';
import type { TestBrowser } from '../fixtures/browser.ts';

/** One workflow's page of the Temporal UI, as a person uses it. */
export interface TemporalUiPage {
  /** What the workflow says of itself, under "User Metadata". */
  currentDetails(containing: string): Promise<string>;
  searchAttributes(): Promise<string>;
  /** Sends an update with an optional JSON input. */
  sendUpdate(name: string, input?: object): Promise<void>;
  /** Resets the workflow to a WorkflowTaskCompleted event. */
  resetTo(eventId: number): Promise<void>;
}

/** `moment` names the screenshots that are kept. */
export function temporalUiPage(browser: TestBrowser, url: string, moment: string): TemporalUiPage {
  const { page } = browser;
  const keep = (name: string) => browser.keep(`${moment}-${name}-${Date.now()}`);
  const openTab = async (name: string) => {
    await page.goto(url);
    await page.getByRole('link', { name }).or(page.getByRole('tab', { name })).first().click();
  };
  const openDialog = async (action: string, title: string): Promise<Locator> => {
    await page.goto(url);
    await page.getByRole('button', { name: 'More Actions' }).waitFor();
    // A workflow that has ended shows `Reset` beside the menu instead of in it.
    const button = page.getByRole('button', { name: action, exact: true });
    if (await button.isVisible()) await button.click();
    else {
      await page.getByRole('button', { name: 'More Actions' }).click();
      await page.locator('[role=menuitem]:visible').filter({ hasText: action }).click();
    }
    return page.getByRole('dialog', { name: title });
  };
  return {
    async currentDetails(containing) {
      await openTab('User Metadata');
      const details = page.frameLocator('iframe >> nth=-1').locator('body').filter({ hasText: containing });
      await details.waitFor();
      await keep('details');
      return details.innerText();
    },
    async searchAttributes() {
      await openTab('Search Attributes');
      const shown = page.locator('main').getByText('"indexedFields"');
      await shown.waitFor();
      await keep('search-attributes');
      return page.locator('main').innerText();
    },
    async sendUpdate(name, input) {
      const dialog = await openDialog('Send an Update', 'Send an Update');
      await dialog.getByTestId('update-select-button').click();
      await keep('updates');
      await dialog.getByRole('option').filter({ hasText: name }).click();
      if (input !== undefined) {
        await dialog.locator('.cm-content').click();
        await page.keyboard.insertText(JSON.stringify(input));
        // The editor lays the input out when it loses the focus, which moves the button.
        await dialog.locator('.cm-content').blur();
      }
      await keep('update');
      await submit(dialog);
      await keep('updated');
    },
    async resetTo(eventId) {
      const dialog = await openDialog('Reset', 'Reset Workflow');
      await dialog.getByTestId('workflow-reset-event-id-select-button').click();
      await keep('events');
      await dialog
        .getByRole('option')
        .filter({ hasText: new RegExp(`^\\s*${eventId} - `) })
        .click();
      await keep('reset');
      await submit(dialog);
      await keep('was-reset');
    },
  };
}

/** Presses the dialog's button; the dialog closes when the server took it. */
async function submit(dialog: Locator): Promise<void> {
  await dialog.getByTestId('confirm-modal-button').click();
  await dialog.waitFor({ state: 'hidden' });
}
