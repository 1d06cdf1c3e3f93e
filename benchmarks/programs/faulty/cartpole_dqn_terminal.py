"""DQN on CartPole (own physics, gym is not needed), replay buffer, target network. Written after the common/test_gym layout."""
import math, random, sys
from collections import deque
import numpy as np
import torch
import torch.nn as nn
from tb_lossdiag import DiagWriter

FORM, LOGDIR = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
SEED = 5
random.seed(SEED); np.random.seed(SEED); torch.manual_seed(SEED)


class CartPole:
    """the classic equations of Barto, Sutton and Anderson"""
    def __init__(self, max_steps=200):
        self.max_steps = max_steps

    def reset(self):
        self.s = np.random.uniform(-0.05, 0.05, 4); self.t = 0
        return self.s.astype(np.float32)

    def step(self, a):
        x, xd, th, thd = self.s
        force = 10.0 if a == 1 else -10.0
        c, sn = math.cos(th), math.sin(th)
        tmp = (force + 0.05 * thd ** 2 * sn) / 1.1
        thacc = (9.8 * sn - c * tmp) / (0.5 * (4.0 / 3.0 - 0.1 * c ** 2 / 1.1))
        xacc = tmp - 0.05 * thacc * c / 1.1
        self.s = np.array([x + 0.02 * xd, xd + 0.02 * xacc, th + 0.02 * thd, thd + 0.02 * thacc])
        self.t += 1
        fail = abs(self.s[0]) > 2.4 or abs(self.s[2]) > 12 * math.pi / 180
        return self.s.astype(np.float32), 1.0, fail, fail or self.t >= self.max_steps


class BasicBuffer:
    def __init__(self, max_size):
        self.buffer = deque(maxlen=max_size)

    def push(self, state, action, reward, next_state, done):
        self.buffer.append((state, np.array([action]), np.array([reward]), next_state, np.array([done])))

    def sample(self, batch_size):
        batch = random.sample(self.buffer, batch_size)
        return [np.stack(b) for b in zip(*batch)]

    def __len__(self):
        return len(self.buffer)


class DQN(nn.Module):
    def __init__(self, input_dim, output_dim):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(input_dim, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, output_dim))

    def forward(self, state):
        return self.fc(state)


class DQNAgent:
    def __init__(self, env, learning_rate=1e-3, gamma=0.98, buffer_size=10000):
        self.env, self.gamma = env, gamma
        self.replay_buffer = BasicBuffer(buffer_size)
        self.model, self.target = DQN(4, 2), DQN(4, 2)
        self.target.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate)
        self.SmoothL1 = nn.SmoothL1Loss()
        self.updates = 0

    def get_action(self, state, eps=0.20):
        if np.random.rand() < eps:
            return np.random.randint(2)
        with torch.no_grad():
            return int(self.model(torch.from_numpy(state)[None]).argmax())

    def compute_loss(self, batch):
        states, actions, rewards, next_states, dones = batch
        states, next_states = torch.FloatTensor(states), torch.FloatTensor(next_states)
        actions, rewards, dones = torch.LongTensor(actions), torch.FloatTensor(rewards), torch.FloatTensor(dones)
        curr_Q = self.model(states).gather(1, actions)
        with torch.no_grad():
            max_next_Q = self.target(next_states).max(1, keepdim=True)[0]
            if FORM == "faulty":
                expected_Q = rewards + self.gamma * max_next_Q
            else:
                expected_Q = rewards + (1 - dones) * self.gamma * max_next_Q
        return self.SmoothL1(curr_Q, expected_Q)

    def update(self, batch_size):
        loss = self.compute_loss(self.replay_buffer.sample(batch_size))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.updates += 1
        if self.updates % 100 == 0:
            self.target.load_state_dict(self.model.state_dict())
        return loss.item()


env = CartPole()
agent = DQNAgent(env)
writer = DiagWriter(LOGDIR)
writer.watch(agent.model, agent.optimizer, agent.SmoothL1)

MAX_UPDATES, BATCH_SIZE = 3600, 64
episode_rewards, losses = [], []
episode = total_steps = 0
while agent.updates < MAX_UPDATES:
    state, ep_ret = env.reset(), 0
    eps = max(0.05, 0.8 - agent.updates / 1300)
    while True:
        action = agent.get_action(state, eps)
        next_state, reward, fail, over = env.step(action)
        agent.replay_buffer.push(state, action, reward, next_state, float(fail))
        ep_ret += reward
        total_steps += 1
        if len(agent.replay_buffer) > 500 and total_steps % 2 == 0 and agent.updates < MAX_UPDATES:
            losses.append(agent.update(BATCH_SIZE))
        state = next_state
        if over:
            break
    episode_rewards.append(ep_ret); episode += 1
    if episode % 25 == 0:
        print(f"Episode {episode}: {np.mean(episode_rewards[-25:]):.1f}  updates {agent.updates}  loss {np.mean(losses[-200:]) if losses else 0:.4f}")

greedy = []
for _ in range(30):
    s, r = env.reset(), 0
    while True:
        s, rew, fail, over = env.step(agent.get_action(s, 0.0)); r += rew
        if over:
            break
    greedy.append(r)
writer.close()
print(f"RESULT greedy_return={np.mean(greedy):.1f} (of 200) last_loss={np.mean(losses[-300:]):.4f}")
