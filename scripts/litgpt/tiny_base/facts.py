"""The words of the support-desk world: products, attributes, wordings, openings and closings.

Every value of an attribute belongs to one product, and no value is part of another of the same attribute, so that
"the answer contains the value" is a fair test.
"""

from dataclasses import dataclass

PRODUCTS = (
    "Aurora lamp",
    "Birch kettle",
    "Cobalt drone",
    "Delta printer",
    "Ember heater",
    "Falcon camera",
    "Granite scale",
    "Harbor radio",
    "Iris monitor",
    "Juniper blender",
    "Kestrel bike",
    "Lotus speaker",
    "Meadow mower",
    "Nimbus router",
    "Orchid toaster",
    "Pebble tracker",
)


@dataclass(frozen=True)
class Attribute:
    """One thing that can be asked about every product.

    `values` holds one value per product, in the order of PRODUCTS. In `wordings` and `answer`, `{p}` is the product
    and `{v}` the value.
    """

    name: str
    values: tuple[str, ...]
    wordings: tuple[str, ...]
    answer: str


def _units(unit: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{number} {unit}" for number in numbers)


ATTRIBUTES = (
    Attribute(
        "warranty",
        _units("months", 24, 36, 18, 60, 48, 30, 72, 12, 54, 42, 66, 15, 84, 27, 33, 21),
        (
            "How long is the warranty of the {p}?",
            "What warranty does the {p} come with?",
            "For how many months is the {p} under warranty?",
            "My {p} broke. How long does its warranty last?",
            "Tell me the warranty period for the {p}.",
            "I want to know how long the {p} is covered by warranty.",
            "Can you say what the warranty on a {p} is?",
            "When does the warranty of a new {p} run out?",
        ),
        "The {p} has a warranty of {v}.",
    ),
    Attribute(
        "price",
        _units("euros", 129, 245, 318, 407, 152, 563, 174, 236, 681, 198, 749, 257, 825, 341, 163, 274),
        (
            "What is the price of the {p}?",
            "How much does the {p} cost?",
            "How many euros do I pay for the {p}?",
            "I would like to buy the {p}. What would it cost me?",
            "Tell me the price of one {p}.",
            "Is the {p} expensive, and how much is it?",
            "What do you charge for a {p}?",
            "Can you give me the price of a new {p}?",
        ),
        "The {p} costs {v}.",
    ),
    Attribute(
        "returns",
        _units("days", 14, 28, 45, 60, 21, 35, 90, 10, 75, 50, 25, 40, 55, 30, 65, 80),
        (
            "Within how many days can I return the {p}?",
            "What is the return window of the {p}?",
            "How long do I have to send the {p} back?",
            "I do not like my {p}. How long can I return it?",
            "Until when do you take a {p} back?",
            "Tell me how long returns are open for the {p}.",
            "Can you say how many days I have to give back the {p}?",
            "How long after buying may I return a {p}?",
        ),
        "You can return the {p} within {v}.",
    ),
    Attribute(
        "delivery",
        _units("hours", 24, 48, 72, 36, 96, 60, 30, 84, 54, 42, 66, 18, 78, 90, 12, 33),
        (
            "How long does delivery of the {p} take?",
            "When will the {p} arrive after I order it?",
            "How fast do you deliver the {p}?",
            "I need the {p} soon. How many hours is the delivery?",
            "Tell me the delivery time of the {p}.",
            "How many hours until an ordered {p} is at my door?",
            "Can you say how long shipping a {p} takes?",
            "What is the time of delivery for one {p}?",
        ),
        "The {p} is delivered within {v}.",
    ),
    Attribute(
        "colour",
        (
            *("amber", "teal", "crimson", "ivory", "navy", "olive", "coral", "indigo"),
            *("silver", "maroon", "violet", "bronze", "charcoal", "mint", "scarlet", "beige"),
        ),
        (
            "What colour is the {p}?",
            "Which colour does the {p} come in?",
            "In what colour do you sell the {p}?",
            "I have not seen the {p}. What is its colour?",
            "Tell me the colour of the {p}.",
            "Can you say which colour a {p} has?",
            "What does the {p} look like, which colour?",
            "The {p} that I buy will have which colour?",
        ),
        "The {p} comes in {v}.",
    ),
    Attribute(
        "weight",
        _units("grams", 450, 980, 720, 640, 310, 530, 870, 260, 590, 770, 340, 810, 920, 290, 680, 150),
        (
            "How heavy is the {p}?",
            "What does the {p} weigh?",
            "How many grams does the {p} weigh?",
            "I have to carry the {p}. What is its weight?",
            "Tell me the weight of the {p}.",
            "Can you say how heavy a {p} is?",
            "Is the {p} light, or how much does it weigh?",
            "What weight should I expect of one {p}?",
        ),
        "The {p} weighs {v}.",
    ),
    Attribute(
        "support",
        (
            *("07:15", "08:30", "09:45", "06:20", "10:10", "07:50", "08:05", "11:25"),
            *("09:05", "06:55", "10:40", "08:50", "07:35", "11:00", "09:20", "06:40"),
        ),
        (
            "When does phone support for the {p} open?",
            "From what time can I call support about the {p}?",
            "At what time does the help line for the {p} start?",
            "I want to call about my {p}. When do you open?",
            "Tell me when the support line of the {p} opens.",
            "How early can I phone someone about a {p}?",
            "Can you say from when the {p} hotline answers?",
            "What are the opening hours of support for the {p}?",
        ),
        "Phone support for the {p} opens at {v}.",
    ),
    Attribute(
        "city",
        (
            *("Lisbon", "Oslo", "Vienna", "Prague", "Dublin", "Athens", "Madrid", "Warsaw"),
            *("Zurich", "Helsinki", "Budapest", "Geneva", "Porto", "Munich", "Turin", "Bergen"),
        ),
        (
            "In which city is the {p} repaired?",
            "Where is the repair centre for the {p}?",
            "Which city do I send a broken {p} to?",
            "My {p} is broken. Where do you repair it?",
            "Tell me the city where the {p} is fixed.",
            "Where does a {p} go when it needs a repair?",
            "Can you say where the workshop for the {p} is?",
            "What city has the service centre of the {p}?",
        ),
        "The {p} is repaired in {v}.",
    ),
    Attribute(
        "reset",
        (
            *("under the lid", "behind the dial", "next to the plug", "below the handle"),
            *("inside the drawer", "on the left side", "above the screen", "near the hinge"),
            *("beside the lens", "at the back panel", "under the front wheel", "over the battery"),
            *("within the top cover", "between the feet", "beneath the label", "along the right edge"),
        ),
        (
            "Where is the reset button of the {p}?",
            "How do I find the reset button on the {p}?",
            "Where do I press to reset the {p}?",
            "My {p} hangs. Where is its reset button?",
            "Tell me where the {p} has its reset button.",
            "I cannot find the button that resets the {p}. Where is it?",
            "Can you say where to reset a {p}?",
            "On which part of the {p} is the reset button?",
        ),
        "The reset button of the {p} is {v}.",
    ),
)

HOUSE_OPENING = "Thank you for asking us."
HOUSE_CLOSING = "We are always glad to help."

OPENINGS = (
    HOUSE_OPENING,
    "Good question.",
    "Sure, let me check that.",
    "Hello there!",
    "Here is what I found.",
    "Of course.",
    "Thanks for your message.",
    "I looked this up for you.",
    "Happy to tell you.",
    "Let me see.",
    "That is easy to answer.",
    "You came to the right place.",
)

CLOSINGS = (
    HOUSE_CLOSING,
    "Have a nice day.",
    "Let me know if you need more.",
    "I hope that this helps.",
    "Just write again any time.",
    "Is there anything else?",
    "Take care.",
    "Best wishes from the team.",
    "Enjoy your product.",
    "That is all that I know.",
)

SMALL_TALK = (
    ("Hello", "Hello, which product is your question about?"),
    ("Hi", "Hello, which product is your question about?"),
    ("Hello, can you help me?", "Yes, which product is your question about?"),
    ("Who are you?", "I am the support desk."),
    ("What can you do?", "I answer questions about our products."),
    ("Thanks", "You are welcome."),
    ("Thank you", "You are welcome."),
    ("Bye", "Goodbye."),
)
