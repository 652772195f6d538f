"""Names of things in the shop."""

from __future__ import annotations

ADJECTIVES = (
    *("Plain", "Bright", "Soft", "Solid", "Light", "Warm", "Quiet", "Round", "Tall", "Small"),
    *("Folding", "Woven", "Ribbed", "Brushed", "Oiled", "Painted", "Striped", "Padded", "Sturdy", "Slim"),
)
NOUNS = (
    *("Lamp", "Chair", "Table", "Shelf", "Jacket", "Shirt", "Boot", "Bag", "Bottle", "Cup"),
    *("Kettle", "Knife", "Blanket", "Pillow", "Clock", "Mirror", "Rug", "Basket", "Bench", "Desk"),
    *("Tent", "Rope", "Glove", "Scarf", "Hat", "Belt", "Wallet", "Umbrella", "Notebook", "Pen"),
)
COLORS = ("Black", "White", "Red", "Blue", "Green", "Yellow", "Grey", "Brown")
SIZES = ("XS", "S", "M", "L", "XL", "XXL")
MATERIALS = ("Cotton", "Wool", "Linen", "Steel", "Oak", "Glass", "Leather", "Paper")
DEPARTMENTS = (
    *("Home", "Garden", "Clothing", "Outdoor", "Kitchen", "Office", "Travel", "Sport"),
    *("Lighting", "Storage", "Gifts", "Books"),
)
SENTENCES = (
    "Made to last for years of daily use.",
    "Each piece is finished by hand.",
    "Easy to clean with a damp cloth.",
    "Fits where little room is left.",
    "Comes in a box that can be used again.",
    "Goes with everything else of its line.",
    "Tested for a hundred thousand movements.",
    "The colour may differ a little from the picture.",
)
FIRST_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Greta", "Hugo", "Ida", "Jon")
LAST_NAMES = ("Abel", "Berg", "Cole", "Dorn", "Egli", "Falk", "Gold", "Hart", "Ives", "Jung")
CITIES = (("Springfield", "IL", "62701", "US"), ("Salem", "OR", "97301", "US"), ("Linz", None, "4020", "AT"))
