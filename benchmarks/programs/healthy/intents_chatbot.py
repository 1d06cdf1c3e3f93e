"""Bag-of-words intent classifier of a small chat bot (pytorch-chatbot train.py)."""
import sys
import re
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader
from tb_lossdiag import DiagWriter

torch.set_num_threads(1)
torch.manual_seed(1)
intents = {
    "greeting": ["Hi", "Hey", "How are you", "Is anyone there?", "Hello", "Good day", "Good morning", "Hello there my friend"],
    "goodbye": ["Bye", "See you later", "Goodbye", "I have to leave now", "Bye bye", "See you tomorrow"],
    "thanks": ["Thanks", "Thank you", "That's helpful", "Thank's a lot!", "Thanks for the help", "Many thanks to you"],
    "items": ["Which items do you have?", "What kinds of items are there?", "What do you sell?", "Do you sell coffee or tea?",
              "Show me your items", "Which tea do you have?"],
    "payments": ["Do you take credit cards?", "Do you accept Mastercard?", "Can I pay with Paypal?", "Are you cash only?",
                 "Can I pay by card", "How can I pay?"],
    "delivery": ["How long does delivery take?", "How long does shipping take?", "When do I get my delivery?", "When will my parcel arrive?",
                 "Is delivery free?", "Where is my parcel?"],
    "hours": ["When are you open?", "What are your opening hours?", "Are you open on Sunday?", "Until when is the shop open?",
              "Is the shop open today?", "Opening hours please"],
    "funny": ["Tell me a joke!", "Tell me something funny!", "Do you know a joke?", "Make me laugh", "Another joke please"],
}


def tokenize(sentence):
    return re.findall(r"[a-z']+", sentence.lower())


def stem(word):
    for end in ("ing", "s", "ed"):
        if word.endswith(end) and len(word) > len(end) + 2:
            return word[:-len(end)]
    return word


def bag_of_words(tokenized_sentence, words):
    sentence_words = [stem(w) for w in tokenized_sentence]
    bag = np.zeros(len(words), dtype=np.float32)
    for idx, w in enumerate(words):
        if w in sentence_words:
            bag[idx] = 1
    return bag


all_words, xy = [], []
for tag, patterns in intents.items():
    for pattern in patterns:
        w = tokenize(pattern)
        all_words.extend(w)
        xy.append((w, tag))
all_words = sorted(set(stem(w) for w in all_words))
tags = sorted(intents)
print(len(xy), "documents", len(tags), "tags", len(all_words), "unique stemmed words")
X_train = np.array([bag_of_words(w, all_words) for w, _ in xy])
y_train = np.array([tags.index(t) for _, t in xy])


class NeuralNet(nn.Module):
    def __init__(self, input_size, hidden_size, num_classes):
        super(NeuralNet, self).__init__()
        self.l1 = nn.Linear(input_size, hidden_size)
        self.l2 = nn.Linear(hidden_size, hidden_size)
        self.l3 = nn.Linear(hidden_size, num_classes)
        self.relu = nn.ReLU()

    def forward(self, x):
        out = self.relu(self.l1(x))
        out = self.relu(self.l2(out))
        return self.l3(out)


class ChatDataset(Dataset):
    def __init__(self):
        self.n_samples = len(X_train)
        self.x_data = X_train
        self.y_data = y_train

    def __getitem__(self, index):
        return self.x_data[index], self.y_data[index]

    def __len__(self):
        return self.n_samples


num_epochs = 400
batch_size = 8
learning_rate = 0.001
input_size = len(X_train[0])
hidden_size = 16
output_size = len(tags)
train_loader = DataLoader(dataset=ChatDataset(), batch_size=batch_size, shuffle=True)
model = NeuralNet(input_size, hidden_size, output_size)

# Loss and optimizer
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
writer = DiagWriter(sys.argv[1])
writer.watch(model, optimizer, criterion)

for epoch in range(num_epochs):
    for (words, labels) in train_loader:
        outputs = model(words)
        loss = criterion(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 50 == 0:
        print(f'Epoch [{epoch+1}/{num_epochs}], Loss: {loss.item():.4f}')
writer.close()

model.eval()
questions = [("hello, how are you today", "greeting"), ("bye, see you", "goodbye"), ("thank you very much", "thanks"),
             ("which coffee do you sell", "items"), ("can I pay with cash", "payments"), ("when does my parcel arrive", "delivery"),
             ("are you open tomorrow", "hours"), ("please tell me another joke", "funny"), ("do you accept credit cards", "payments"),
             ("how long does my parcel take", "delivery"), ("what are the hours", "hours"), ("do you have tea items", "items")]
with torch.no_grad():
    p = model(torch.tensor(np.array([bag_of_words(tokenize(q), all_words) for q, _ in questions]))).argmax(1)
print(f'final loss: {loss.item():.4f} new questions right {sum(tags[i] == t for i, (_, t) in zip(p, questions))}/{len(questions)}')
