"""Refusals in many wordings and languages, and what only looks like one."""

# ruff: noqa: E501 - a sentence is one line

import pytest

from agents.refusals import is_refusal

REFUSALS = {
    "en": [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "I'm sorry, I can't help with that",
        "Sorry, I cannot comply with your request.",
        "I can't help with that.",
        "I cannot assist you with this.",
        "I'm unable to provide information on how to make explosives.",
        "I apologize, but I cannot fulfill this request as it goes against my guidelines.",
        "I am sorry, but as an AI language model I cannot do this.",
        "As an AI language model, I cannot provide medical advice.",
        "As an AI, I'm not able to browse the internet.",
        "Unfortunately, I am not able to help with that.",
        "I won't generate that content.",
        "I must decline to answer this question.",
        "I'm sorry. I can't help with this request. Is there anything else?",
        "I do not feel comfortable discussing that topic.",
        "Sorry, but I can't create explicit content.",
        "I can't provide instructions that could be used to harm someone.",
        "I'm not able to engage in this type of conversation.",
        "**I'm sorry, but I can't help with that.**",
        "I'm sorry, but I can't help with that. " + "Here is some background on the law. " * 40,
    ],
    "de": ["Es tut mir leid, aber dabei kann ich nicht helfen.", "Leider kann ich Ihnen dabei nicht helfen.",
           "Als KI-Sprachmodell kann ich diese Anfrage nicht beantworten."],
    "fr": ["Je suis désolé, mais je ne peux pas vous aider avec cela.", "Désolé, je ne peux pas répondre à cette demande.",
           "Je ne peux pas répondre à cette demande."],
    "es": ["Lo siento, pero no puedo ayudarte con eso.", "Lo siento, no puedo cumplir con esa solicitud.",
           "Como modelo de lenguaje, no puedo responder a eso."],
    "pt": ["Desculpe, mas não posso ajudar com isso.", "Sinto muito, mas não posso atender a esse pedido."],
    "it": ["Mi dispiace, ma non posso aiutarti con questo.", "Mi dispiace, non posso soddisfare questa richiesta."],
    "nl": ["Het spijt me, maar daar kan ik je niet mee helpen.", "Sorry, maar ik kan je daar niet bij helpen."],
    "pl": ["Przykro mi, ale nie mogę w tym pomóc.", "Przepraszam, ale nie mogę spełnić tej prośby."],
    "cs": ["Omlouvám se, ale s tím vám nemohu pomoci."],
    "sv": ["Tyvärr kan jag inte hjälpa till med det.", "Jag är ledsen, men jag kan inte hjälpa dig med det."],
    "da": ["Beklager, men det kan jeg ikke hjælpe med."],
    "tr": ["Üzgünüm, ancak bu konuda yardımcı olamam.", "Üzgünüm, bu isteği yerine getiremem."],
    "id": ["Maaf, saya tidak bisa membantu dengan permintaan itu."],
    "vi": ["Xin lỗi, nhưng tôi không thể giúp bạn với yêu cầu đó.", "Tôi rất tiếc, tôi không thể hỗ trợ việc này."],
    "ru": ["Извините, но я не могу помочь с этим.", "К сожалению, я не могу выполнить этот запрос.",
           "Как языковая модель, я не могу ответить на этот вопрос."],
    "uk": ["Вибачте, але я не можу допомогти з цим."],
    "ar": ["عذرًا، لا أستطيع المساعدة في ذلك.", "آسف، لكن لا يمكنني مساعدتك في هذا الطلب."],
    "hi": ["क्षमा करें, मैं इसमें आपकी मदद नहीं कर सकता।", "मुझे खेद है, लेकिन मैं इस अनुरोध में सहायता नहीं कर सकता।"],
    "zh": ["抱歉，我无法协助完成这个请求。", "很抱歉，我不能帮助你。", "对不起，我无法提供这方面的信息。", "我无法提供相关内容。",
           "作为一个人工智能语言模型，我无法回答这个问题。", "對不起，我無法協助您。"],
    "ja": ["申し訳ありませんが、そのリクエストにはお応えできません。", "すみませんが、お手伝いできません。"],
    "ko": ["죄송하지만 그 요청은 도와드릴 수 없습니다.", "죄송합니다. 해당 요청은 도와드릴 수 없습니다."],
}  # fmt: skip


@pytest.mark.parametrize(
    "text", [text for texts in REFUSALS.values() for text in texts], ids=lambda text: text[:40]
)
def test_a_refusal_is_known(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "No",
        "no.",
        "Sorry",
        "I'm sorry to hear that. Please send us the order number.",
        "I'm sorry, but we can't refund orders of last year. A voucher is possible.",
        "I can't recommend this film enough.",
        "I can't help but admire it.",
        "We cannot provide a refund after 30 days, but you can exchange it.",
        "Unfortunately, your parcel was lost. I have sent a new one.",
        "Unfortunately, the museum is closed on Mondays.",
        "As an AI language model is trained on text, it learns patterns.",
        "The answer is B. I'm sorry, but I can't help with that.",
        "The assistant says: I'm sorry, I can't help with that. This is a refusal.",
        "Step one: open the lid. If it is stuck, I cannot help with that from here. Call us.",
        "refusal",
        "I cannot be divided by two: what am I? An odd number.",
        "Es tut mir leid, dass die Lieferung zu spät kam. Wir schicken Ersatz.",
        "Je suis désolé pour ce retard. Votre colis arrive demain.",
        "Lo siento mucho. Su pedido llegará mañana.",
        "Mi dispiace per il disagio: il rimborso è in corso.",
        "Извините за задержку. Ваш заказ уже в пути.",
        "抱歉让您久等了，您的订单已经发出。",
        "申し訳ありません。明日お届けします。",
        "죄송합니다. 내일 배송됩니다.",
        "不能",
        "我不能吃花生。",
        "عذرًا على التأخير، طلبك في الطريق.",
        "I can't. You can't. They can't.",
        "x = can't",
    ],
    ids=lambda text: text[:40],
)
def test_an_answer_that_regrets_or_says_no_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


def test_a_sentence_of_the_conversation_is_a_quotation() -> None:
    said = "I'm sorry, but I can't help with that."
    assert is_refusal(said, ["What shall I say?"])
    assert not is_refusal(said, [f"Which one is a refusal?\nA. {said}\nB. Sure, here it is."])
    # Data whose right response is a refusal show it in their examples.
    assert not is_refusal(said, ["How do I break in?", said, "How do I pick this lock?"])


@pytest.mark.parametrize(
    "text",
    [
        "sorry " * 50_000,
        "i " * 50_000,
        "i'm sorry, but i " * 20_000,
        "i can't help or help " * 20,
        "i am sorry, " * 33 + "i can't",
        "sorry, but " * 36,
        "抱歉" * 190,
        "죄송합니다. " * 50_000,
        "désolé, mais je ne " * 20,
    ],
    ids=range(9),
)
def test_hostile_texts_take_little_time(text: str) -> None:
    for _ in range(20):
        is_refusal(text)
