/** How far before a number a word is looked for that says what it is, in characters. */
const reach = 32;

const phoneWords =
  /(?:\b(?:tel|tél|telefon|telefono|teléfono|telefone|telefoon|téléphone|telephone|phone|mobile|mobil|mobiel|handy|cell|cellulare|celular|móvil|portable|fax|whatsapp|call(?:ed|ing)?|dial|ring|rang|reach\w*|contact\w*|(?:my|our|your|his|her|their) number|sms|text(?:ed)?|hotline|rufnummer|durchwahl|ruf|anrufen|appel\w*|llám\w*|chiam\w*|ligu?\w*|bel me|bellen|numéro)\b|電話|携帯|番号|☎|📞)\.?[^\d\n.!?;。]{0,20}$/iu;

const identifierWords =
  /(?:\b(?:order|invoice|ticket|case|ref|reference|account|acct|ids?|uuid|isbn|ean|upc|gtin|sku|serial|tracking|parcel|shipment|transaction|customer|user|build|commit|version|pid|port|timestamp|bestellung|bestellnummer|auftrag|rechnung|kundennummer|vorgang|sendung|commande|facture|dossier|pedido|factura|ordine|fattura|pratica|bestelling|factuur|protocolo|nota)\b|注文|伝票|請求書|追跡|#)\.?[^\d\n.!?;。]{0,14}$|\b(?:no[.:]|nr[.:]?|num[.:]|nº|n°|№)\s?$/iu;

const cardWords =
  /(?:card|karte|carte|tarjeta|carta|cartão|kaart|カード|visa|master|amex|american express|maestro|discover|diners|jcb)[^\d\n]{0,20}$/iu;

/** Whether the words before a number say that it is a payment card's. */
export function isCalledCard(text: string, start: number): boolean {
  return cardWords.test(text.slice(Math.max(0, start - reach), start));
}

/** Whether the words before a number say that it is a phone number; the nearer word decides. */
export function isCalledPhone(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - reach), start);
  const phone = phoneWords.exec(before);
  return phone !== null && phone.index >= (identifierWords.exec(before)?.index ?? 0);
}

/** Whether the words before a number say that it is an order, an id, an invoice or the like. */
export function isIdentifier(text: string, start: number): boolean {
  return identifierWords.test(text.slice(Math.max(0, start - reach), start));
}
