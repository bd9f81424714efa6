/** An answer that is longer than this says something beside the refusal. */
const longest = 240;

const that =
  '(?:that|this|it|your (?:request|question|query)|(?:such|the|these|this kind of) requests?|(?:any )?(?:information|content|assistance|help|advice) (?:on|about|with|for|regarding) (?:that|this|such|it))';
/** Beginnings that are nothing but a refusal, by language. They name help itself: "I cannot find your order" is an answer. */
const refusals = [
  // English
  `(?:as an ai(?: language model| assistant)?|(?:i['’]?m|i am) (?:just |only )?an ai(?: language model| assistant)?)[^.!?\\n]{0,60}\\bi (?:can['’]?t|cannot|can not|don['’]?t|do not|am (?:not able|unable))\\b`,
  `i (?:can['’]?t|cannot|can not|won['’]?t|will not|(?:am|['’]m) (?:not able|unable) to|(?:am|['’]m) not (?:comfortable|allowed|permitted)|must (?:decline|refuse)|have to decline)(?: to)? ?(?:assist|help|comply|fulfil+|provide|answer|discuss|do|engage|continue|create|generate|complete|write|respond)?(?:ing)? ?(?:you )?(?:with |to |on |in )?${that}\\b`,
  `i['’]m (?:not able|unable) to (?:assist|help|comply|fulfil+|provide|answer|discuss|do|engage|continue)\\b`,
  `(?:that|this) (?:is|['’]s) (?:not )?(?:something|a (?:topic|request)) (?:that )?i (?:can['’]?t|cannot|can) (?:help|assist|discuss)`,
  // German
  `(?:dabei|damit|das|hierbei|dazu|diese (?:anfrage|frage|bitte)) ?(?:kann|darf|werde) ich (?:ihnen |dir |euch )?(?:leider )?nicht (?:helfen|weiterhelfen|unterstützen|tun|machen|beantworten|sagen|erfüllen|bereitstellen)`,
  `ich (?:kann|darf) (?:ihnen |dir |euch )?(?:bei |mit )?(?:dabei|damit|das|dies|diese\\w* (?:anfrage|frage|bitte|thema))?(?: leider)? ?nicht (?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen|nachkommen|tun)`,
  `kann ich (?:ihnen |dir |euch )?(?:dabei |damit |das |diese\\w* \\w+ )?(?:leider )?nicht (?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen)`,
  `als (?:ki|künstliche intelligenz|ki-\\w+|sprachmodell)[^.!?\\n]{0,40}(?:kann|darf) ich[^.!?\\n]{0,40}nicht\\b`,
  // French
  `je ne (?:peux|puis|suis pas (?:en mesure|capable|autorisée?)) ?(?:pas )?(?:de |d['’])?(?:vous |t['’]|te )?(?:aider|assister|répondre à (?:cette|votre)|fournir|faire (?:cela|ça)|traiter cette)`,
  `en tant qu['’](?:ia|intelligence artificielle|assistant|modèle de langage)[^.!?\\n]{0,60}je ne (?:peux|puis)`,
  // Spanish
  `no (?:puedo|me es posible|soy capaz de) (?:ayudar(?:te|le|los)?(?: con (?:eso|esto|esa|ese|tu|su))?|asistir(?:te|le)?|cumplir|responder a (?:esa|eso|esta)|proporcionar|hacer (?:eso|esto))`,
  `como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente)[^.!?\\n]{0,60}no puedo`,
  // Italian
  `non (?:posso|sono in grado di) (?:aiutar(?:ti|la|vi)|assister(?:ti|la)|soddisfare|rispondere a (?:questa|quest)|fornire|farlo)`,
  `(?:come|in quanto) (?:ia|intelligenza artificiale|modello linguistico|assistente)[^.!?\\n]{0,60}non posso`,
  // Portuguese
  `não (?:posso|consigo|sou capaz de) (?:te |lhe |o |a )?(?:ajudar|ajudá-l[oa]|auxiliar|atender|responder a (?:essa|isso|esta)|fornecer|fazer isso)`,
  `como (?:uma? )?(?:ia|inteligência artificial|modelo de linguagem|assistente)[^.!?\\n]{0,60}não posso`,
  // Dutch
  `(?:daar|hier)(?:bij|mee)? kan ik (?:u |je |jou )?(?:helaas )?niet (?:(?:mee |bij )?helpen|(?:mee )?van dienst)`,
  `ik kan (?:u |je |jou )?(?:daar |hier )?(?:helaas )?(?:niet|geen) (?:helpen|mee helpen|bij helpen|aan voldoen|hulp bieden)`,
  // Polish, Russian
  `nie mogę (?:(?:ci|panu|pani|w tym|z tym) )*(?:pomóc|odpowiedzieć|spełnić)`,
  `(?:я )?не могу (?:вам |тебе )?(?:помочь|с этим помочь|выполнить|ответить на этот|предоставить)`,
  // Japanese, Chinese
  `(?:その|この|ご)?(?:ような)?(?:リクエスト|要求|要望|依頼|質問|件|内容)?(?:について)?(?:は|に|には|を)?、?(?:お手伝い|お答え|お応え|対応|サポート|支援|回答)(?:すること)?(?:は|が)?(?:できません|出来ません|できかねます|致しかねます|いたしかねます)`,
  `(?:我)?(?:无法|不能|没办法|無法)(?:为您|帮您|帮你|協助您|对此)?(?:提供(?:这|该|此|任何|帮助|協助)|协助|帮助|回答(?:这|该|此)|满足|處理此)`,
];
/** What goes before: regret, a greeting of the assistant, and linking words. */
const regret =
  "(?:(?:i['’]?m|i am) (?:very |so |really |truly )?sorry|sorry|i (?:do )?apologi[sz]e|apologies|my apologies|unfortunately|regrettably|es tut mir (?:sehr )?leid|tut mir (?:sehr )?leid|entschuldigung|leider|(?:je suis |je )?(?:vraiment )?(?:désolée?|regrette)|malheureusement|lo siento(?: mucho)?|lamentablemente|desafortunadamente|mi (?:dispiace|scuso)|purtroppo|(?:sinto muito|desculpe|lamento|infelizmente)|het spijt me|sorry|helaas|przykro mi|przepraszam|niestety|извините|простите|к сожалению|申し訳(?:ございません|ありません|ないですが)が?|すみませんが?|残念ながら|很抱歉|抱歉|对不起|對不起)";
const links =
  '[\\s,.;:!。、，！—–-]{0,3}(?:but|aber|mais|pero|ma|mas|maar|ale|но|但是?|dass|que|che|however|je|sondern)?[\\s,、，]{0,2}';
const start = new RegExp(`^\\W{0,3}(?:${regret}[^.!?\\n。]{0,30}?${links})?(?:${refusals.join('|')})`, 'iu');

/** Whether an answer is a boilerplate refusal and nothing else, in one of eleven languages. */
export function isRefusal(answer: string): boolean {
  const text = answer.trim();
  return text.length <= longest && start.test(text);
}
