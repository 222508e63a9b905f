"""Sentences for synthetic speech: written for this project, varied by rules, dense in sounds the lips show.

The text is our own and carries the project's licence, so no one else's terms reach the corpus. Sentences are
drawn from a small grammar of everyday English plus commands, numbers, spelled letters, exclamations and short
answers.
"""

import numpy as np


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace("\n", " ").split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.replace("\n", " ").split(",") if phrase.strip())


VOCABULARY: dict[str, tuple[str, ...]] = {
    "PERSON": _phrases(
        """my mother, the baker, Peter, Barbara, Mister Webb, a farmer, our neighbour, the poet, Tom,
        Moira, Beth, the child, George, my brother, the judge, a young woman, the pilot, Fiona, the old
        man, Vivian, the chef, Ruth, nobody, everyone, the shepherd, Hugo, a thief, her father, the
        boy, Joyce, the king, Philip, the mayor, Owen"""
    ),
    "ANIMAL": _words(
        """puppy bear bird fox wolf goose mouse horse lamb whale shark bee moth frog sheep owl pig cow beaver
        dove"""
    ),
    "THING": _phrases(
        """bowl, apple, paper boat, blue box, thimble, umbrella, book, map, oil lamp, violin, bath towel,
        shoe, watch, bottle, silver cup, rope, wagon, fishing rod, wooden spoon, letter, pumpkin,
        jewel, yellow leaf, mirror, cheese, machine, ruby, bubble, broom, feather, pillow, cabbage,
        bicycle, measure, coin, azure vase, joke, toy, thread, earth, engine, peach, garage door,
        piano, mushroom, window, voice, proof, web, photograph, marble"""
    ),
    "ADJECTIVE": _words(
        """big purple warm beautiful foolish rough smooth thin heavy bright yellow brown whole unusual
        round huge empty poor fresh vague pale proud clever shy wild royal loyal damp pure orange soft
        loud broken fabulous impossible wobbly mysterious fearful joyful green hollow shallow early
        visible"""
    ),
    "MATERIAL": _words("wood wool paper marble rubber leather iron glass copper silk bamboo clay amber"),
    "PLACE": _phrases(
        """by the river, above the bridge, in the woods, behind the house, at the market, on the moor,
        beneath the shelf, over the valley, near the mouth of the cave, under a poplar tree, through
        the tunnel, across the wharf, beyond the shop, on the roof, in the basement, around the pool,
        upon the beach, at my office, in the boiler room, between two mountains, along the path, inside
        the barn, off the pavement, at both ends of the bay"""
    ),
    "TIME": _phrases(
        """before breakfast, on Monday morning, after the show, every February, at half past five, in the
        evening, tomorrow, for a moment, once a month, at noon, right away, all summer, by the first of
        May, this afternoon, five years ago, on a foggy Thursday, usually, now and then, when the bell
        rings, until the fire burns low"""
    ),
    "MOVED": _words(
        """brought pushed moved threw hid found carried lifted dropped washed chose broke built opened
        followed watched remembered wrapped bought measured polished kept showed gave fed pulled
        borrowed buried shoved balanced peeled covered weighed"""
    ),
    "MOVE": _words(
        """bring push move throw hide find carry lift drop wash choose break build open follow watch
        remember wrap buy measure polish keep show feed pull borrow bury balance peel cover weigh"""
    ),
    "WENT": _phrases(
        """walked home, ran away, jumped up, fell asleep, laughed, moved slowly, wept, fished, sang a
        tune, hummed, arrived, waved goodbye, whispered, mumbled something, began to choke, coughed,
        smiled, shouted, looked for shelter, swam, paused, yawned, prayed, blew a whistle, vanished,
        got off the boat, puffed, burped, chewed"""
    ),
    "FEEL": _phrases(
        """happy, unhappy, tired, afraid, curious, furious, amused, fine, hopeful, bored, sure, cheerful,
        ashamed, awful"""
    ),
    "HOW": _words(
        """quietly boldly carefully bravely oddly barely smoothly cheerfully roughly warmly swiftly promptly
        joyfully"""
    ),
    "NUMBER": _words(
        """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty
        thirty forty fifty sixty seventy eighty ninety"""
    ),
    "DIGIT": _words("zero one two three four five six seven eight nine"),
    "LETTER": _words("A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"),
    "COLOUR": _words("blue green red white black yellow purple orange brown pink"),
    "FOOD": _phrases(
        """bread and butter, apple pie, mushroom soup, a bowl of porridge, fresh fish, plum jam, beef,
        pepper, oats, figs, a peppermint, waffles, maple syrup, olives, veal, honey, toffee, boiled
        potatoes, chocolate, beer, vanilla fudge"""
    ),
    "NAME": _words(
        """Baumann Murphy Fisher Webber Thompson Jones Moore Phillips Bishop Hughes Powell Shaw Chambers
        Voss Boyd Yates Pfeiffer Moss Abbott Wolfe"""
    ),
    "CITY": _phrases(
        """Boston, Paris, Memphis, Baltimore, Vienna, Budapest, Birmingham, Tokyo, Moscow, Zurich, Cape
        Town, Phoenix, Philadelphia, Rome, Geneva, Bombay, Warsaw, Havana, Pittsburgh, Chicago"""
    ),
}

TEMPLATES: tuple[str, ...] = tuple(
    """
    PERSON MOVED the ADJECTIVE THING PLACE.
    TIME PERSON MOVED a THING made of MATERIAL.
    The ADJECTIVE ANIMAL WENT PLACE.
    Did PERSON MOVE the THING TIME?
    PERSON was FEEL because the THING was ADJECTIVE.
    Please MOVE NUMBER ADJECTIVE THINGs for me.
    I have never been so FEEL in CITY.
    Would you MOVE my THING if I asked?
    We had FOOD and FOOD TIME.
    How many THINGs does PERSON have?
    The ANIMAL and the ANIMAL WENT HOW.
    My name is PERSON NAME and I come from CITY.
    Both of us were FEEL about the ADJECTIVE THING.
    If you MOVE it HOW the THING will be ADJECTIVE.
    There were NUMBER hundred and NUMBER ADJECTIVE ANIMALs PLACE.
    PERSON said that PERSON WENT TIME.
    What a ADJECTIVE THING!
    MOVE the COLOUR THING and the COLOUR THING.
    It is ADJECTIVE and ADJECTIVE but not very ADJECTIVE.
    You may MOVE this THING or that THING.
    This THING belongs to PERSON NAME of CITY.
    Perhaps the ANIMAL PLACE is FEEL.
    Why is the MATERIAL so ADJECTIVE?
    Please call DIGIT DIGIT DIGIT DIGIT DIGIT DIGIT DIGIT.
    Spell it LETTER LETTER LETTER LETTER.
    bin COLOUR at LETTER DIGIT now.
    lay COLOUR by LETTER DIGIT please.
    place COLOUR in LETTER DIGIT again.
    set COLOUR with LETTER DIGIT soon.
    Go to NUMBER then NUMBER then NUMBER.
    Maybe.
    Of course.
    Thank you very much.
    Oh my!
    Good morning PERSON.
    Hello. I am FEEL.
    Where are we?
    Wow.
    No way!
    Maybe PERSON would MOVE it.
    Beware of the ADJECTIVE ANIMAL.
    Papa and mama WENT HOW.
    PERSON and I will be back by NUMBER.
    Above all MOVE the THING before you MOVE the THING.
    The boat to CITY leaves at NUMBER fifteen.
    Remember what PERSON MOVED PLACE?
    Five fat ANIMALs found a ADJECTIVE THING.
    The mob from CITY WENT by.
    She saw the ADJECTIVE fish wash ashore TIME.
    Whose voice was that PLACE?
    You choose a THING and I choose you.
    I would rather MOVE a THING than a THING.
    Watch out for the THING!
    We love FOOD and they love FOOD.
    """.strip().splitlines()
)


def draw_sentence(rng: np.random.Generator) -> str:
    """One sentence: a template whose capital words are drawn from `VOCABULARY`."""
    words = TEMPLATES[rng.integers(len(TEMPLATES))].split()
    sentence = " ".join(_fill(word, rng) for word in words)
    return sentence[0].upper() + sentence[1:]


def _fill(word: str, rng: np.random.Generator) -> str:
    slot = word.rstrip("s.,!?")
    if slot not in VOCABULARY:
        return word
    choices = VOCABULARY[slot]
    return choices[rng.integers(len(choices))] + word[len(slot) :]
